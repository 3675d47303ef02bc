"""`ensemble evaluate`: how good a bundle is, on patterns it never saw."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Out, Quiet


@guarded
def evaluate(
    run: Annotated[Path, typer.Argument(help="The bundle that `ensemble fit` wrote.")],
    dataset: Annotated[
        Path | None,
        typer.Argument(help="Another labelled dataset; the bundle's own test patterns if not given."),
    ] = None,
    out: Out = Path("evaluation"),
    netcal: Annotated[
        bool, typer.Option("--netcal", help="Also what the library netcal says of the calibration.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write tables, calibration, risk and coverage of a bundle as HTML, CSV and JSON."""
    if dataset is not None:
        load_keras()
    import kikuchi

    evaluation = kikuchi.evaluate(run, dataset, out, netcal=netcal, progress=progress(quiet))
    result(evaluation, as_json)
