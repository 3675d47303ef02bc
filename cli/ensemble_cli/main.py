"""The command `ensemble` and its exit codes: 0 done, 1 wrong input, 2 usage, 130 interrupted."""

import io
import sys
from typing import Annotated

import typer

from ensemble_cli import (
    accelerate,
    adapt,
    compare,
    demo,
    evaluate,
    explain,
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


app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("fit")(fit.fit)
app.command("adapt")(adapt.adapt)
app.command("evaluate")(evaluate.evaluate)
app.command("map")(map_command.map_scan)
app.command("compare")(compare.compare)
app.command("explain")(explain.explain)
app.command("label")(label.label)
app.command("extend")(extend.extend)
app.command("learn-curve")(learning_curve.learn_curve)
app.command("accelerate")(accelerate.accelerate)
app.command("quicken", hidden=True)(accelerate.accelerate)  # the name before 2026-11
app.command("info")(info.info)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A console of another encoding (cp1252) must not end a run at its last line: what it lacks becomes "?".
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()
