"""Progress reports of long work; silent without a listener."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from ensemble.errors import printable


class Progress:
    """Listener of long work. This one is silent; the command's draws bars.

    A subclass overrides `say` and `bar`.
    """

    def say(self, text: str) -> None:
        """Take one line of progress."""

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Open a bar of `total` steps; the function it gives advances it by so many."""
        yield lambda steps: None

    @contextmanager
    def counter(self, description: str) -> Iterator[Callable[[int, int], None]]:
        """Open a bar whose length comes with its first call: the function it gives takes (done, in all)."""
        with ExitStack() as stack:
            step: Callable[[int], None] | None = None
            before = 0

            def count(done: int, total: int) -> None:
                nonlocal step, before
                if step is None:
                    step = stack.enter_context(self.bar(description, total))
                step(done - before)
                before = done

            yield count


class Whole(Progress):
    """Progress of a run of several steps: beside the bar of each step one of the whole, with the time left.

    Parameters
    ----------
    listener
        The listener.
    description
        What the whole is called.
    costs
        How long steps take, in any unit, by how their descriptions begin: what each costs once, and how often it comes.
        Steps that begin otherwise do not move the bar of the whole.

    Examples
    --------
    >>> class Heard(Progress):
    ...     @contextmanager
    ...     def bar(self, description, total):
    ...         print(description, total)
    ...         yield lambda steps: print("  ", description, steps)
    >>> with Whole(Heard(), "all", {"training": (30, 2)}).begun() as progress:
    ...     with progress.bar("training b", 3) as step:
    ...         step(1)
    all 60
    training b 3
       training b 1
       all 10
    """

    def __init__(self, listener: Progress, description: str, costs: Mapping[str, tuple[float, int]]) -> None:
        self._listener, self._description, self._costs = listener, description, costs
        self._advance: Callable[[int], None] = lambda steps: None
        self._owed = 0.0

    @contextmanager
    def begun(self) -> Iterator["Whole"]:
        """Open the bar of the whole."""
        total = round(sum(cost * times for cost, times in self._costs.values()))
        with self._listener.bar(self._description, max(total, 1)) as self._advance:
            yield self

    def say(self, text: str) -> None:
        """Pass a line on."""
        self._listener.say(text)

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Open the bar of a step."""
        cost = next((c for name, (c, _) in self._costs.items() if description.startswith(name)), 0.0)
        with self._listener.bar(description, total) as step:

            def both(steps: int) -> None:
                step(steps)
                # Whole steps alone: bars count in whole numbers.
                self._owed += cost * steps / max(total, 1)
                if self._owed >= 1:
                    self._advance(int(self._owed))
                    self._owed -= int(self._owed)

            yield both


class Lines(Progress):
    """Progress as lines with the time of day, for work that runs unattended."""

    def say(self, text: str) -> None:
        """Print one line."""
        print(time.strftime("%H:%M:%S"), printable(text, keep="\n"), flush=True)


SILENT = Progress()


@contextmanager
def noted(progress: Progress) -> Iterator[None]:
    """Say what the work within warns of as notes, each once: not as a raw warning with a line of code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in sorted({str(w.message) for w in caught if issubclass(w.category, UserWarning)}):
        progress.say(f"note: {text}")
