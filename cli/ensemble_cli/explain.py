"""`ensemble explain`: why the members of an ensemble disagree."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Out, Quiet


@guarded
def explain(
    scan: Annotated[str, typer.Argument(help="The scan that was mapped.")],
    run: Annotated[Path, typer.Option("--run", help="The bundle it was mapped with.")],
    map_dir: Annotated[Path, typer.Option("--map", help="The folder that `ensemble map` wrote.")],
    out: Out = Path("explanations"),
    points: Annotated[int, typer.Option("--points", min=1, max=1000, help="Points to explain.")] = 12,
    budget: Annotated[str, typer.Option("--budget", help="Time for all points: 90s, 5m, 1h.")] = "5m",
    method: Annotated[str, typer.Option("--method", help="deep (DeepSHAP) or gradients.")] = "deep",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Explain why members disagree at the most instructive points of a map."""
    load_keras()
    import kikuchi

    found = kikuchi.explain_map(
        map_dir, scan, run, out, points=points, budget=budget, method=method, progress=progress(quiet)
    )
    result(kikuchi.describe_explanations(found, out), found, as_json)
