"""`ensemble fit`: train, calibrate, set the abstention rule."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Out, Quiet, Seed


@guarded
def fit(
    dataset: Annotated[Path, typer.Argument(help="Dataset TOML: [[material]] with name, space_group, scan.")],
    recipe: Annotated[str, typer.Option("--recipe", help="paper, quick or a TOML file.")] = "quick",
    out: Out = Path("run"),
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train an ensemble on a labelled dataset and write it as a bundle."""
    load_keras()
    import kikuchi

    listener = progress(quiet)
    bundle = kikuchi.fit(dataset, recipe, out, seed=seed, progress=listener)
    result(kikuchi.describe_bundle(bundle), bundle.manifest, as_json)
