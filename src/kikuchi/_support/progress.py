"""What long work reports while it runs; silent unless somebody listens."""

import time
import warnings
from collections.abc import Callable, Iterator
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
        """Open a bar whose length is told by its first call: the function it gives takes (done, in all)."""
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
