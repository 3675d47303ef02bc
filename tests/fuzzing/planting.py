"""Copies of a true file with a word planted into one of its text fields, and an ear for what a reader makes of it."""

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

#: What stands in every word that is planted, and nowhere else; without x, y and z, which some readers put numbers for.
TOKEN = "planted_word"
#: To whoever evaluates, imports or opens, downloads, or unpickles what a field holds.
WORDS = (f"__import__('{TOKEN}')", TOKEN, f"http://{TOKEN}.invalid/{TOKEN}", f"c{TOKEN}\nx\n(tR.")

#: What Python tells of itself (PEP 578) that no reader of data has to do with a word from a file.
_HEARD = (
    "compile",
    "import",
    "open",
    "os.",
    "subprocess.",
    "socket.",
    "urllib.",
    "ctypes.",
    "shutil.",
    "pickle.",
    "glob.",
)

_active: list[list[str]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _active and event.startswith(_HEARD):
        ears, _active[:] = list(_active), []  # what is done here is nobody's doing
        try:
            text = repr(arguments)[:2000]
            # Literals, such as the header of a NumPy array, are parsed under this name and not run.
            literal = event == "compile" and text.endswith("'<unknown>')")
            if TOKEN in text and not literal:
                ears[-1].append(f"{event} {text[:300]}")
        finally:
            _active[:] = ears


@contextmanager
def ear() -> Iterator[list[str]]:
    """Hear, as long as the block lasts, every compilation, import, opening, process and address with the word in it."""
    if not getattr(sys, "_kikuchi_ear", False):
        sys.addaudithook(_hook)  # for good: Python takes none back
        sys._kikuchi_ear = True  # type: ignore[attr-defined]
    heard: list[str] = []
    _active.append(heard)
    try:
        yield heard
    finally:
        _active.remove(heard)


def planted(name: str, content: bytes, word: str) -> Iterator[tuple[str, bytes]]:
    """Give (field, copy) for every text field of a file, with the word in that field alone."""
    if content.startswith(b"\x89HDF"):
        yield from _in_hdf5(content, word)
    elif content.startswith(b"PK"):
        yield from _in_archive(content, word)
    elif name.endswith((".json",)):
        yield from _in_json(json.loads(content), word)
    elif _is_text(content):
        yield from _in_text(content, word)
    else:
        yield from _in_binary(content, word)


def _instead(found: str, word: str) -> list[str]:
    """Return what is put where a text was found: the word, and an expression behind the text where it is one."""
    return [word, f"{found}+0*({word}!=0)"] if word == WORDS[0] else [word]


def _in_hdf5(content: bytes, word: str) -> Iterator[tuple[str, bytes]]:
    fields: list[tuple[str, str | None]] = []

    def visit(path: str, item: Any) -> None:
        fields.extend((path, name) for name, value in item.attrs.items() if _is_word(value))
        if isinstance(item, h5py.Dataset) and (h5py.check_string_dtype(item.dtype) or item.dtype.kind == "S"):
            fields.append((path, None))

    with h5py.File(io.BytesIO(content), "r") as file:
        visit("/", file)
        file.visititems(visit)
    groups = sorted({path.rsplit("/", 1)[0] for path, _ in fields if "/" in path.strip("/")})
    for path, attribute in [*fields, *((group, "signal_type") for group in groups)]:
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "r+") as file:
            if attribute is not None:
                file[path].attrs[attribute] = word
            else:
                shape = file[path].shape
                del file[path]
                file[path] = np.full(shape, word.encode(), dtype=f"S{len(word)}") if shape else word
        yield f"{path} {attribute or ''}", buffer.getvalue()


def _is_word(value: Any) -> bool:
    return isinstance(value, str | bytes) or getattr(getattr(value, "dtype", None), "kind", "") in (
        "S",
        "U",
        "O",
    )


def _in_archive(content: bytes, word: str) -> Iterator[tuple[str, bytes]]:
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    for name, array in arrays.items():
        if array.dtype.kind not in "US":
            continue
        text = str(array[()]) if array.ndim == 0 else ""
        copies = _in_json(json.loads(text), word) if text.startswith("{") else [("", word.encode())]
        for field, copy in copies:
            buffer = io.BytesIO()
            np.savez(buffer, **arrays | {name: np.full(array.shape, copy.decode())})
            yield f"{name} {field}", buffer.getvalue()


def _in_json(told: Any, word: str) -> Iterator[tuple[str, bytes]]:
    def places(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if isinstance(value, str):
            yield at
        for key, inner in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            yield from places(inner, (*at, key))

    for place in list(places(told, ()))[:200]:
        copy = json.loads(json.dumps(told))
        inner = copy
        for key in place[:-1]:
            inner = inner[key]
        for put in _instead(inner[place[-1]], word):
            inner[place[-1]] = put
            yield "/".join(map(str, place)), json.dumps(copy).encode()


def _in_text(content: bytes, word: str) -> Iterator[tuple[str, bytes]]:
    """Words, and what stands in quotes as one."""
    text = content.decode("latin-1")
    for match in re.finditer(r"'[^'\n]*'|\"[^\"\n]*\"|[^\s'\",;=<>\[\]{}#]+", text):
        quote = match[0][0] if match[0][0] in "'\"" else ""
        for put in _instead(match[0].strip(quote) if quote else match[0], word):
            safe = put.replace("'", '"') if quote == "'" else put
            copy = text[: match.start()] + quote + safe + quote + text[match.end() :]
            yield match[0], copy.encode("latin-1")


def _in_binary(content: bytes, word: str) -> Iterator[tuple[str, bytes]]:
    """Runs of letters, filled with as much of the word as they hold."""
    for match in list(re.finditer(rb"[ -~]{10,}", content))[:40]:
        length = len(match[0])
        yield (
            repr(match[0][:40]),
            content[: match.start()] + word.encode()[:length].ljust(length) + content[match.end() :],
        )


def _is_text(content: bytes) -> bool:
    return b"\0" not in content[:4000] and all(c >= 32 or c in b"\t\r\n" for c in content[:4000])


Call = Callable[[Any, Any], object]
