"""The command `ensemble` and its exit codes: 0 done, 1 wrong input, 2 usage, 130 interrupted."""

import io
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from ensemble_cli import (
    accelerate,
    adapt,
    compare,
    demo,
    evaluate,
    explain,
    export,
    extend,
    fit,
    info,
    label,
    learning_curve,
    simulate,
)
from ensemble_cli import map as map_command

app = typer.Typer(
    name="ensemble",
    help="Which space group has the crystal at every point of an EBSD scan, how sure that is, "
    "and when nobody should answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        from kikuchi import __version__

        typer.echo(f"kikuchi-ensemble {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Take the options that stand before any command."""


#: Commands in the order of the help, each with an example that could be typed.
COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "demo": (demo.demo, "ensemble demo --out demo"),
    "simulate": (simulate.simulate, "ensemble simulate spec.toml --out scans"),
    "fit": (fit.fit, "ensemble fit dataset.toml --recipe quick --out run"),
    "adapt": (adapt.adapt, "ensemble adapt scan.h5oina --phase Ni.cif --phase Ni3Al.cif --out run"),
    "evaluate": (evaluate.evaluate, "ensemble evaluate run --out evaluation"),
    "map": (map_command.map_scan, "ensemble map scan.h5oina --run run --out maps --risk 0.02"),
    "compare": (compare.compare, "ensemble compare maps truth.csv --out comparison"),
    "explain": (explain.explain, "ensemble explain scan.h5oina --run run --map maps --out why"),
    "label": (label.label, "ensemble label scan.h5oina --run run --map maps --out labels.csv"),
    "extend": (extend.extend, "ensemble extend run labels.csv --out run2"),
    "learn-curve": (learning_curve.learn_curve, "ensemble learn-curve dataset.toml --out curve"),
    "accelerate": (accelerate.accelerate, "ensemble accelerate run dataset.toml"),
    "export": (export.export, "ensemble export run --out ensemble.onnx"),
    "info": (info.info, "ensemble info scan.h5oina"),
}
for _name, (_command, _example) in COMMANDS.items():
    app.command(_name, epilog=f"Example: {_example}")(_command)
# The name before 2026-11.
app.command("quicken", hidden=True, epilog="Example: ensemble quicken run dataset.toml")(
    accelerate.accelerate
)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A console of another encoding (cp1252) must not end a run at its last line: what it lacks becomes "?".
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()
