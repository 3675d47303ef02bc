"""Progress that people see: bars of a terminal, or one line of a notebook that is drawn anew."""

import html
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ensemble.errors import printable
from kikuchi._support.progress import Progress

#: Seconds between two drawings in a notebook: each is a message to the browser.
_PAUSE = 0.2


def bars() -> Progress:
    """Return a listener that draws bars where this runs: in a terminal, or in a notebook.

    In a log file there are lines and no bars.

    Examples
    --------
    ``kikuchi.fit(dataset, recipe, "run", progress=kikuchi.bars())``
    """
    return NotebookBars() if in_notebook() else TerminalBars()


def in_notebook() -> bool:
    """Say whether this runs in a kernel, whose output a browser shows: Jupyter, Colab, VS Code."""
    shell = _shell()
    return shell is not None and getattr(shell, "kernel", None) is not None


def _shell() -> Any:
    """Return IPython's shell; None where this does not run in one."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


class TerminalBars(Progress):
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


@dataclass(eq=False)
class _Bar:
    """One bar of a notebook."""

    description: str
    total: int
    done: int = 0
    begin: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since it was opened."""
        return time.monotonic() - self.begin

    def left(self) -> str:
        """Return how long it will take yet; nothing while nobody knows."""
        if not 0 < self.done < self.total:
            return ""
        return f", {_clock(self.seconds * (self.total / self.done - 1))} left"

    def text(self) -> str:
        """Return the bar as one line of text."""
        return f"{self.description}: {self.done} of {self.total}{self.left()}"

    def html(self) -> str:
        """Return the bar as a row of a table."""
        shown = html.escape(self.description)
        return (
            f"<tr><td>{shown}</td><td><progress value='{self.done}' max='{self.total}'></progress></td>"
            f"<td>{self.done} of {self.total}{self.left()}</td></tr>"
        )


class NotebookBars(Progress):
    """Progress in a notebook: all bars in one output, drawn anew in its place; widgets are not needed.

    What is done stays as one line of text, so that a notebook that is saved holds neither bars nor their remains.
    """

    def __init__(self) -> None:
        self._open: list[_Bar] = []
        self._done: list[str] = []
        self._drawn = 0.0
        self._cell: Any = None
        self._handle: Any = None

    def say(self, text: str) -> None:
        """Print one line below the bars."""
        print(printable(text, keep="\n"), flush=True)

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Draw a bar; it goes when it ends."""
        bar = _Bar(printable(description), total)
        self._open.append(bar)
        self._draw()

        def step(steps: int) -> None:
            bar.done += steps
            if time.monotonic() - self._drawn > _PAUSE:
                self._draw()

        try:
            yield step
        finally:
            self._open.remove(bar)
            if not self._open:
                self._done.append(f"{bar.description}: {_clock(bar.seconds)}")
            self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        cell = getattr(_shell(), "execution_count", None)
        if self._handle is None or cell != self._cell:
            self._cell, self._done = cell, []
            self._handle = display(self._shown(), raw=True, display_id=True)
        else:
            self._handle.update(self._shown(), raw=True)
        self._drawn = time.monotonic()

    def _shown(self) -> dict[str, str]:
        text = "; ".join(self._done)
        rows = "".join(bar.html() for bar in self._open)
        drawn = f"<small>{html.escape(text)}</small>" + (f"<table>{rows}</table>" if rows else "")
        return {
            "text/plain": "\n".join([text, *(bar.text() for bar in self._open)]).strip(),
            "text/html": drawn,
        }


def _clock(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> _clock(3.2), _clock(75), _clock(7260)
    ('3 s', '1 min 15 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
