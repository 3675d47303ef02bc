"""`ensemble map`: phase and uncertainty maps of a scan."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from ensemble.errors import InputError
from ensemble_cli.adapt import KV_HELP, PHASE_HELP
from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import (
    Among,
    Confidence,
    Dask,
    Familiar,
    Json,
    Out,
    Promise,
    Quiet,
    Risk,
    Rule,
    ScanName,
    Shape,
    Workers,
    read_shape,
)
from kikuchi._support.choices import Decide, EngineName, GrainsBy, Stop


@guarded
def map_scan(
    scan: Annotated[str, typer.Argument(help="A scan file, a folder of images, a glob or a single image.")],
    run: Annotated[
        str, typer.Option("--run", help="The bundle that `ensemble fit` wrote, or the one that is shipped.")
    ] = "shipped",
    out: Out = Path("maps"),
    rule: Rule = None,
    risk: Risk = None,
    confidence: Confidence = None,
    familiar: Familiar = None,
    among: Among = None,
    promise: Promise = None,
    phase: Annotated[
        list[str] | None,
        typer.Option(
            "--phase", help=f"Adapt first, as `ensemble adapt` does, into OUT/adapted. {PHASE_HELP}"
        ),
    ] = None,
    kv: Annotated[float | None, typer.Option("--kv", help=KV_HELP)] = None,
    grains: Annotated[
        GrainsBy | None,
        typer.Option(
            "--grains",
            help="Also show what the points of a grain say together; orientations are the scan's own.",
        ),
    ] = None,
    decide: Annotated[
        Decide, typer.Option("--decide", help="Whose answer the map shows; grains goes with --grains.")
    ] = "points",
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="A filled list of `ensemble label` that says where to divide the two phases of an adapted bundle.",
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option("--engine", help="What runs the members; other than auto and keras see accelerate."),
    ] = "auto",
    stop: Annotated[
        Stop,
        typer.Option(
            "--stop",
            help="When a pattern needs no further member: exact goes with --rule vote; see accelerate.",
        ),
    ] = "never",
    at_scan_mixture: Annotated[
        bool,
        typer.Option(
            "--at-scan-mixture",
            help="Also say what each point would be at the scan's own mixture, where that can be estimated.",
        ),
    ] = False,
    shape: Shape = None,
    report_patterns: Annotated[
        float | None,
        typer.Option(
            "--report-patterns",
            help="Share of the points whose patterns the report keeps; all, or 200 MB of them, if not given.",
        ),
    ] = None,
    scan_name: ScanName = None,
    dask: Dask = None,
    workers: Workers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Map a scan: which space group, how sure, and where nobody should answer."""
    from kikuchi._support.keras_setup import check_backend

    check_backend()
    # Exports run without Keras, whose import costs more than a map of some hundred points.
    if phase or dask or workers or engine not in ("auto", "onnx") or not _exported(run):
        load_keras()
    import kikuchi
    from kikuchi.distributed import connected

    if phase:
        if run != "shipped":
            raise InputError("--phase and --run are two ways to say what may be there", remedy="give one")
        run = str(out / "adapted")
        kikuchi.adapt(
            scan,
            phase,
            run,
            voltage_kv=kv,
            shape=read_shape(shape),
            scan_name=scan_name,
            progress=progress(quiet),
        )
    with connected(dask, workers) as client:
        phase_map = kikuchi.map_scan(
            scan,
            run,
            out,
            rule=rule,
            risk=risk,
            confidence=confidence,
            familiar=familiar,
            among=among,
            promise=promise,
            grains=grains,
            decide=decide,
            labels=labels,
            at_scan_mixture=at_scan_mixture,
            report_patterns=report_patterns,
            shape=read_shape(shape),
            scan_name=scan_name,
            engine=engine,
            stop=stop,
            client=client,
            progress=progress(quiet),
        )
    result(phase_map, as_json)


def _exported(run: str) -> bool:
    """Whether a bundle's members lie beside it as ONNX files, and something is installed that runs them."""
    from kikuchi.bundle.bundle import SHIPPED, SHIPPED_FOLDER

    folder = SHIPPED_FOLDER if run == SHIPPED else Path(run)
    installed = all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))
    return installed and (folder / "engines" / "onnx" / "engines.json").is_file()
