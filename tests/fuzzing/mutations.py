"""Seeded mutations of bytes: the same seed and number give the same input, on any machine."""

import re

import numpy as np

_DIGIT = re.compile(rb"[0-9]")
INTERESTING = (0, 1, -1, 127, -128, 255, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1)
MOST_BYTES = 1 << 20


def mutated(seeds: list[bytes], words: tuple[bytes, ...], rng: np.random.Generator) -> tuple[int, bytes]:
    """Take one seed and change it in one place, or in up to six.

    Half of all inputs are changed once: more changes seldom come past the first check.

    Returns
    -------
    number, data
        Which seed it came from, and what became of it.
    """
    number = int(rng.integers(len(seeds)))
    data = bytearray(seeds[number])
    for _ in range(1 if rng.random() < 0.5 else int(rng.integers(2, 7))):
        _KINDS[int(rng.integers(len(_KINDS)))](data, seeds, words, rng)
        del data[MOST_BYTES:]
    return number, bytes(data)


def _place(data: bytearray, rng: np.random.Generator) -> int:
    # Headers lie in front: half of all places are among the first 2 kB.
    length = min(len(data), 2048) if rng.random() < 0.5 else len(data)
    return int(rng.integers(length + 1))


def _flip(data, seeds, words, rng):
    if data:
        data[_place(data, rng) % len(data)] ^= 1 << int(rng.integers(8))


def _set(data, seeds, words, rng):
    if data:
        data[_place(data, rng) % len(data)] = int(rng.integers(256))


def _number(data, seeds, words, rng):
    size = (1, 2, 4, 8)[int(rng.integers(4))]
    value = INTERESTING[int(rng.integers(len(INTERESTING)))] % (1 << 8 * size)
    at = _place(data, rng)
    data[at : at + size] = value.to_bytes(size, "little" if rng.random() < 0.5 else "big")


def _digits(data, seeds, words, rng):
    """Replace one number written in digits."""
    places = [match.start() for match in _DIGIT.finditer(data, 0, 4096)]
    if places:
        at = places[int(rng.integers(len(places)))]
        end = at
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        data[at:end] = str(INTERESTING[int(rng.integers(len(INTERESTING)))]).encode()


def _insert(data, seeds, words, rng):
    at = _place(data, rng)
    data[at:at] = rng.bytes(int(rng.integers(1, 17)))


def _word(data, seeds, words, rng):
    at = _place(data, rng)
    word = words[int(rng.integers(len(words)))] if words else b"\xff\xff\xff\xff"
    data[at : at + (len(word) if rng.random() < 0.5 else 0)] = word


def _delete(data, seeds, words, rng):
    at = _place(data, rng)
    del data[at : at + int(rng.integers(1, 65))]


def _cut(data, seeds, words, rng):
    if rng.random() < 0.3:
        del data[_place(data, rng) :]


def _repeat(data, seeds, words, rng):
    at = _place(data, rng)
    block = data[at : at + int(rng.integers(1, 65))]
    data[at:at] = block * int(rng.integers(1, 9))


def _splice(data, seeds, words, rng):
    other = seeds[int(rng.integers(len(seeds)))]
    at, start = _place(data, rng), int(rng.integers(len(other) + 1))
    data[at:] = other[start:]


_KINDS = (
    _flip,
    _flip,
    _set,
    _number,
    _number,
    _digits,
    _digits,
    _insert,
    _word,
    _word,
    _delete,
    _cut,
    _repeat,
    _splice,
)
