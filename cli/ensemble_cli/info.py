"""`ensemble info`: what a scan, bundle, store or map is, and whether a bundle is still what it was."""

from typing import Annotated

import typer

from ensemble_cli.console import guarded, load_keras, result
from ensemble_cli.options import Json, ScanName, Shape, read_shape


@guarded
def info(
    path: Annotated[
        str,
        typer.Argument(help="A scan, a bundle, a logits store, a map's folder, a dataset or another TOML."),
    ],
    shape: Shape = None,
    scan_name: ScanName = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check a bundle: hashes, versions, and some logits run again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what something is: a scan, a bundle, a store, a map or a dataset."""
    if verify:
        load_keras()
    import kikuchi

    if verify:
        result(kikuchi.verify(path), as_json)
    else:
        result(kikuchi.facts(path, read_shape(shape), scan_name), as_json)
