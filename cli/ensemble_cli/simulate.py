"""`ensemble simulate`: labelled scans from crystal structures or master patterns."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, progress, result
from ensemble_cli.options import Json, Quiet


@guarded
def simulate(
    spec: Annotated[Path, typer.Argument(help="TOML: materials or a map, detector, microscope, seed.")],
    out: Annotated[Path, typer.Option("--out", help="Scan file (.h5) of a map, folder of labelled scans.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Simulate scans with their truth beside them."""
    import kikuchi

    result(kikuchi.simulate(spec, out, progress=progress(quiet)), as_json)
