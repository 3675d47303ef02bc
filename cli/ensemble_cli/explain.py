"""`ensemble explain`: why the members of an ensemble disagree, and what they look for."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble.errors import InputError
from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Out, Quiet
from kikuchi._support.choices import ExplainBy


@guarded
def explain(
    run: Annotated[Path, typer.Option("--run", help="The bundle it was mapped with.")],
    scan: Annotated[
        str | None,
        typer.Argument(help="The scan that was mapped; without one, the members themselves are drawn."),
    ] = None,
    map_dir: Annotated[
        Path | None, typer.Option("--map", help="The folder that `ensemble map` wrote for that scan.")
    ] = None,
    out: Out = Path("explanations"),
    points: Annotated[int, typer.Option("--points", min=1, max=1000, help="Points to explain.")] = 12,
    budget: Annotated[str, typer.Option("--budget", help="Time that all points share: 90s, 5m, 1h.")] = "5m",
    method: Annotated[
        ExplainBy,
        typer.Option(
            "--method",
            help="deep (DeepSHAP, on TensorFlow), gradients, or auto: what runs; "
            "shap-deep, shap-gradient and shap-partition are the explainers of the library shap.",
        ),
    ] = "auto",
    pair: Annotated[
        str | None, typer.Option("--pair", help="Two members to compare, e.g. scratch-1,transfer-1.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Explain why members disagree at the most instructive points of a map, and draw what they look for."""
    if (scan is None) != (map_dir is None):
        missing = "a scan without its map" if map_dir is None else "a map without its scan"
        raise InputError(missing, remedy="give both, or neither to draw the members themselves")
    load_keras()
    import kikuchi

    names = pair.split(",") if pair else None
    found = kikuchi.explain(
        run, out, scan=scan, map_dir=map_dir, points=points, budget=budget, method=method, pair=names,
        progress=progress(quiet),
    )  # fmt: skip
    result(found, as_json)
