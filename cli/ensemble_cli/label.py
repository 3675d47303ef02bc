"""`ensemble label`: which patterns of a map to label next."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Quiet


@guarded
def label(
    scan: Annotated[str, typer.Argument(help="The scan that was mapped.")],
    run: Annotated[Path, typer.Option("--run", help="The bundle it was mapped with.")],
    map_dir: Annotated[Path, typer.Option("--map", help="The folder that `ensemble map` wrote.")],
    out: Annotated[Path, typer.Option("--out", help="The list to write (.csv).")] = Path("labels.csv"),
    points: Annotated[int, typer.Option("--points", min=1, max=10_000, help="Patterns to suggest.")] = 24,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the patterns of a map whose labels would teach most; fill it in, then `ensemble extend`."""
    load_keras()
    import kikuchi

    found = kikuchi.suggest_labels(map_dir, scan, run, out, points=points, progress=progress(quiet))
    result(found, as_json)
