"""`ensemble adapt`: a bundle for one scan, whose phases are known by name."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Out, Quiet, ScanName, Seed, Shape, read_shape

PHASE_HELP = (
    "A phase that may be there: a CIF, a master pattern, or the name of a structure; give two or more."
)
KV_HELP = "Accelerating voltage, where the scan does not say it."


@guarded
def adapt(
    scan: Annotated[str, typer.Argument(help="A scan file, a folder of images, a glob or a single image.")],
    phase: Annotated[list[str], typer.Option("--phase", help=PHASE_HELP)],
    out: Out = Path("adapted"),
    members: Annotated[
        int, typer.Option("--members", min=0, max=100, help="Networks beside the matcher.")
    ] = 0,
    kv: Annotated[float | None, typer.Option("--kv", help=KV_HELP)] = None,
    shape: Shape = None,
    scan_name: ScanName = None,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Adapt to a scan of named phases: geometry, matching and networks, with nothing labelled."""
    if members:
        load_keras()
    import kikuchi

    bundle = kikuchi.adapt(
        scan,
        phase,
        out,
        members=members,
        voltage_kv=kv,
        shape=read_shape(shape),
        scan_name=scan_name,
        seed=seed,
        progress=progress(quiet),
    )
    result(bundle, as_json)
