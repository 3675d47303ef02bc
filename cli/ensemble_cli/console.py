"""What a command prints: progress on standard error, results on standard output, one line for an error."""

import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from ensemble.errors import InputError, printable
from kikuchi._support.progress import Progress
from kikuchi._support.result import Result


class Bars(Progress):
    """Progress as rich bars and lines on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        self._console = Console(stderr=True, highlight=False)
        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,  # a log file needs the lines, not the bars
        )

    def say(self, text: str) -> None:
        """Print one line above the bars."""
        self._bars.console.print(printable(text, keep="\n"), markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Draw a bar; the first one starts the display, the last one to end stops it."""
        if not self._bars.live.is_started:
            self._bars.start()
        task = self._bars.add_task(printable(description), total=total)
        try:
            yield lambda steps: self._bars.advance(task, steps)
        finally:
            self._bars.remove_task(task)
            if not self._bars.tasks:
                self._bars.stop()


def progress(quiet: bool) -> Progress:
    """Return bars, or silence."""
    return Progress() if quiet else Bars()


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


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep TensorFlow's start-up lines, written by C++ before any setting is read, off the screen."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def load_keras() -> None:
    """Import Keras with its backend, silently; seconds the first time.

    Raises
    ------
    InputError
        Keras is set to a backend that this toolkit does not run on, or that is not installed.
    """
    from kikuchi._support.keras_setup import import_keras

    # Retracing is no matter of the user's.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with quiet_start():
        import_keras()
