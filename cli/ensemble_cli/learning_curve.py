"""`ensemble learn-curve`: how many patterns per class are enough."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble.errors import InputError
from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Out, Quiet, Seed


@guarded
def learn_curve(
    dataset: Annotated[
        Path, typer.Argument(help="Dataset TOML: for each material its name, space_group and scan.")
    ],
    recipe: Annotated[str, typer.Option("--recipe", help="paper, quick or a TOML file.")] = "quick",
    out: Out = Path("learn-curve"),
    counts: Annotated[
        str, typer.Option("--counts", help="Patterns per class to try.")
    ] = "1,2,5,10,25,50,100,200,400",
    ways: Annotated[
        str, typer.Option("--ways", help="Some of scratch, transfer, frozen.")
    ] = "scratch,transfer,frozen",
    repeats: Annotated[int, typer.Option("--repeats", min=1, max=100, help="Draws of the patterns.")] = 3,
    target: Annotated[float, typer.Option("--target", help="Accuracy to reach, e.g. 0.9.")] = 0.9,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure accuracy against patterns per class, and predict how many more reach a target."""
    try:
        numbers = [int(part) for part in counts.split(",")]
    except ValueError:
        raise InputError(f"--counts {counts!r} are no numbers", remedy="such as 1,5,25,100") from None
    load_keras()
    import kikuchi

    curves = kikuchi.learning_curve(
        dataset,
        recipe,
        out,
        counts=numbers,
        ways=[way.strip() for way in ways.split(",")],
        repeats=repeats,
        target=target,
        seed=seed,
        progress=progress(quiet),
    )
    result(curves, as_json)
