"""`ensemble compare`: a map against the truth, or against another map of the same scan."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, result
from ensemble_cli.options import Json, Out


@guarded
def compare(
    first: Annotated[Path, typer.Argument(help="The folder that `ensemble map` wrote.")],
    second: Annotated[
        Path,
        typer.Argument(
            help="Another one of the same scan, or the truth: a CSV with space_group and row, col or index."
        ),
    ],
    out: Out = Path("comparison"),
    as_json: Json = False,
) -> None:
    """Compare a map with the truth or another map: confusion, agreement, kappa, and both side by side."""
    import kikuchi

    result(kikuchi.compare(first, second, out), as_json)
