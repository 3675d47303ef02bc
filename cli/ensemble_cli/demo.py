"""`ensemble demo`: all main workflows on this machine."""

from pathlib import Path

from ensemble_cli.console import guarded, load_keras, progress, result
from ensemble_cli.options import Json, Out, Quiet, Seed


@guarded
def demo(
    out: Out = Path("demo"),
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Simulate, fit, map and report in a few minutes, with nothing but this machine."""
    load_keras()
    import kikuchi

    result(kikuchi.demo(out, seed=seed, progress=progress(quiet)), as_json)
