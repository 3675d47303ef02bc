"""What long work reports while it runs; silent unless somebody listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


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


SILENT = Progress()
