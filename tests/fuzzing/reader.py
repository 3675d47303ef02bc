"""How one kind of file is fuzzed: true files to start from, and what reads them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

#: Numbers that readers of text stumble over.
NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"inf", b"1e-320", b"99999999999999999999", b"0x7fffffff", b"1_0")


@dataclass(frozen=True)
class Reader:
    """How one kind of file is tried.

    Parameters
    ----------
    seeds
        Gives (file name, content) of true files, written into a folder of the fuzzer.
    call
        Reads the file, given it and the fuzzer's folder; an `InputError` or a result are both right.
    words
        Tokens of the format, for text.
    mend
        Makes checksums right again after a mutation, so that what lies behind them is reached as well.
    """

    seeds: Callable[[Path], list[tuple[str, bytes]]]
    call: Callable[[Path, Path], object]
    words: tuple[bytes, ...] = ()
    mend: Callable[[bytes], bytes] = field(default=lambda data: data)
