"""Definitions of the words on the pages, shown under the pointer and with the keyboard's focus."""

import tomllib
from functools import cache
from pathlib import Path

from markupsafe import Markup


@cache
def glossary() -> dict[str, str]:
    """Return one sentence for each term, by the term in lower case."""
    return _tables()["terms"]


@cache
def meanings() -> dict[str, str]:
    """Return what each status means in plain words, and what can be done about it."""
    return _tables()["meanings"]


def explained(word: object, key: str | None = None) -> object:
    """Return a word with its explanation where the glossary has one, else as it is.

    Parameters
    ----------
    word
        A heading or the first cell of a row.
    key
        Under which the glossary has it, where that is another word.

    Returns
    -------
    Markup or object
        A ``span`` that can take the keyboard's focus, or `word` itself.

    Examples
    --------
    >>> str(explained("ECE"))[:39]
    '<span class="term" tabindex="0" data-he'
    >>> explained("Ni")
    'Ni'
    """
    text = str(word)
    help_text = glossary().get((key or text).lower().removeprefix("no solution: "))
    if help_text is None:
        return word
    return Markup('<span class="term" tabindex="0" data-help="{}">{}</span>').format(help_text, text)


@cache
def _tables() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "glossary.toml").read_text(encoding="utf-8"))
