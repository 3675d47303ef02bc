"""Text files that people write, in whatever encoding their editor saved them."""

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

from ensemble.errors import InputError

_MAX_TOML_BYTES = 10_000_000
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAVE_AS_UTF8 = "save it as UTF-8"


def decoded(content: bytes) -> str:
    """Text of bytes in UTF-8 with or without a mark, in UTF-16 with one, else in Windows' cp1252.

    A spreadsheet writes UTF-16 where it says "Unicode text", and cp1252 where it says "CSV". Nothing is refused: what
    no encoding has becomes one letter for each byte.

    Examples
    --------
    >>> decoded("Öl".encode("utf-16")), decoded("Öl".encode("cp1252")), decoded("Öl".encode("utf-8-sig"))
    ('Öl', 'Öl', 'Öl')
    """
    encodings = ("utf-16",) if content.startswith(_UTF16) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def read_toml(path: Path, what: str, *, remedy: str | None = None) -> dict[str, Any]:
    """Read a TOML file; a mark at its beginning (BOM) and lines that end as on Windows are fine.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, for messages: "dataset", "recipe".
    remedy
        What to do where it is not even a text file.

    Raises
    ------
    InputError
        There is no such file, it is not UTF-8, or not TOML; the message names the encoding, the line, or the backslash.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_TOML_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"no such {what} file", path=path, remedy="check the spelling") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot be read: {reason}", path=path, remedy=remedy or f"give a {what} in TOML"
        ) from None
    if content.startswith(_UTF16):
        raise InputError("is UTF-16 text", path=path, remedy=_SAVE_AS_UTF8)
    if b"\0" in content[:4096] or len(content) > _MAX_TOML_BYTES:
        raise InputError(
            f"is no {what} but another kind of file", path=path, remedy=remedy or f"give a {what} in TOML"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"is not UTF-8 but has the byte 0x{content[error.start]:02x} in line {line}, perhaps Windows' cp1252",
            path=path,
            remedy=_SAVE_AS_UTF8,
        ) from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"is not valid TOML: {error}", path=path, remedy=_mend(text, str(error))) from None


def _mend(text: str, error: str) -> str:
    """Say how to mend a line that is no TOML, for the mistakes that people make."""
    found = re.search(r"at line (\d+)", error)
    lines = text.splitlines()
    line = lines[int(found[1]) - 1] if found and int(found[1]) <= len(lines) else ""
    if re.search(r'"[^"]*\\', line):
        return "a backslash needs another before it: write paths with / or in 'single quotes'"
    single = re.search(r"^\s*\[(material|member|entry|site)\]", text, re.MULTILINE)
    if single:
        return f"several of a kind need two brackets: [[{single[1]}]]"
    return "mend that line"
