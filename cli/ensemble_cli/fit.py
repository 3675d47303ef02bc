"""`ensemble fit`: train, calibrate, set the abstention rule."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Dask, Force, Json, Out, Quiet, Seed, Workers


@guarded
def fit(
    dataset: Annotated[
        Path, typer.Argument(help="Dataset TOML: for each material its name, space_group and scan.")
    ],
    recipe: Annotated[str, typer.Option("--recipe", help="paper, quick or a TOML file.")] = "quick",
    out: Out = Path("run"),
    seed: Seed = 0,
    force: Force = False,
    dask: Dask = None,
    workers: Workers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train an ensemble on a labelled dataset and write it as a bundle."""
    load_keras()
    import kikuchi
    from kikuchi.distributed import connected

    with connected(dask, workers) as client:
        bundle = kikuchi.fit(
            dataset, recipe, out, seed=seed, force=force, client=client, progress=progress(quiet)
        )
    result(bundle, as_json)
