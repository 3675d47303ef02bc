"""`ensemble info`: what a scan, bundle, store or map is."""

from typing import Annotated

import typer

from ensemble_cli.console import guarded, result
from ensemble_cli.options import Json


@guarded
def info(
    path: Annotated[str, typer.Argument(help="A scan, a bundle, a logits store or a map's folder.")],
    as_json: Json = False,
) -> None:
    """Say what something is: a scan, a bundle, a store or a map."""
    import kikuchi

    facts = kikuchi.facts(path)
    result("\n".join(f"{name}: {value}" for name, value in facts.items()), facts, as_json)
