"""What a command prints: progress on standard error, results on standard output, one line for an error."""

import functools
import json
from collections.abc import Callable
from typing import Any

import typer

from ensemble.errors import InputError, printable
from kikuchi._support.bars import TerminalBars
from kikuchi._support.progress import Progress
from kikuchi._support.result import Result


def progress(quiet: bool) -> Progress:
    """Return bars, or silence."""
    return Progress() if quiet else TerminalBars()


def result(found: Result, as_json: bool) -> None:
    """Print a command's result on standard output, for people or for programs."""
    text = json.dumps(found.to_dict(), indent=1) if as_json else printable(found.summary(), keep="\n")
    typer.echo(text)


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn a wrong input into one line and exit code 1, and an interruption into exit code 130."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InputError as error:
            typer.echo(f"ensemble: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("ensemble: interrupted; run the same command again, it goes on from here", err=True)
            raise typer.Exit(130) from None

    return run


def load_keras() -> None:
    """Import Keras with its backend, silently; seconds the first time.

    Raises
    ------
    InputError
        Keras is set to a backend that this toolkit does not run on, or that is not installed.
    """
    from kikuchi._support.keras_setup import import_keras

    import_keras()
