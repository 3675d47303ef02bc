"""`ensemble export`: a bundle as one ONNX file, for any program that runs ONNX."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Quiet, Rule


@guarded
def export(
    run: Annotated[Path, typer.Argument(help="The bundle that `ensemble fit` wrote, or shipped.")],
    out: Annotated[Path, typer.Option("--out", help="The ONNX file to write.")] = Path("ensemble.onnx"),
    rule: Rule = None,
    prepared: Annotated[
        bool, typer.Option("--prepared", help="Leave the preparation out: the file takes prepared patterns.")
    ] = False,
    background: Annotated[
        bool,
        typer.Option("--background", help="The file also takes the detector's static background."),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write preparation, members, pooling and calibration of a bundle as one ONNX graph."""
    from kikuchi import Predictor
    from kikuchi.inference.exports import read_shelf

    bundle = Predictor.load(run)
    if read_shelf(bundle, "onnx") is None and all(member.kind != "matcher" for member in bundle.members):
        load_keras()
    import kikuchi

    exported = kikuchi.export(
        bundle, out, rule=rule, prepared=prepared, background=background, progress=progress(quiet)
    )
    result(exported, as_json)
