"""`ensemble extend`: new classes or materials for an existing bundle."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Force, Json, Out, Quiet, Seed


@guarded
def extend(
    run: Annotated[Path, typer.Argument(help="The bundle to start from; it is not touched.")],
    dataset: Annotated[
        Path, typer.Argument(help="Dataset TOML, or the filled list (.csv) that `ensemble label` wrote.")
    ],
    out: Out = Path("run2"),
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Teach a bundle new space groups or materials from a few labelled patterns."""
    load_keras()
    import kikuchi

    found = kikuchi.extend(run, dataset, out, seed=seed, force=force, progress=progress(quiet))
    result(found, as_json)
