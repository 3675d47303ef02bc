"""Names of scans, made safe for one line of a header."""

from ensemble.errors import printable


def headline(text: str, length: int = 80) -> str:
    r"""Return the text as one short line of printable ASCII.

    Examples
    --------
    >>> headline("Ni\tγ′\n# Phases")
    'Ni ?? ? Phases'
    """
    words = printable(" ".join(text.split())).replace("#", "?")
    return words.encode("ascii", errors="replace").decode("ascii")[:length]
