"""`ensemble accelerate`: faster engines for a bundle, each measured before it is used."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Quiet


@guarded
def accelerate(
    run: Annotated[Path, typer.Argument(help="The bundle that `ensemble fit` wrote.")],
    dataset: Annotated[Path, typer.Argument(help="The dataset that it was fitted on.")],
    agreement: Annotated[
        float, typer.Option("--agreement", help="Share of labels a cascade keeps, e.g. 0.999.")
    ] = 0.999,
    student: Annotated[
        bool, typer.Option("--student", help="Train one network for all members too.")
    ] = False,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(
            "--unlabelled", help="A scan that the student learns from too; give as many as you have."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a bundle's faster engines, and measure on held-out patterns what each of them costs."""
    load_keras()
    import kikuchi

    found = kikuchi.accelerate(
        run,
        dataset,
        agreement=agreement,
        student=student,
        unlabelled=unlabelled or (),
        progress=progress(quiet),
    )
    result(found, as_json)
