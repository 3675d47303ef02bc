"""Checks of a page of a TIFF file before a native decoder has it.

`imagecodecs` 2026.3.6 looks up codes of an LZW stream that the stream has not defined: seven bytes end the process. The
codes are therefore walked through first, and of the thirty compressions that a file may name only those that programs
of microscopes write reach a decoder at all.
"""

from typing import Any

import numpy as np

#: As TIFF numbers them.
_COMPRESSIONS = {1: "none", 5: "LZW", 7: "JPEG", 8: "Deflate", 32946: "Deflate", 32773: "PackBits"}
_LZW = 5
_PREDICTORS = (1, 2, 3)


def check_page(page: Any) -> None:
    """Refuse a page whose pixels no decoder should see.

    Parameters
    ----------
    page
        A page of tifffile, its file open.

    Raises
    ------
    ValueError
        Its compression is none of those that are read, or an LZW stream has a code that it has not defined.
    """
    if int(page.compression) not in _COMPRESSIONS or int(page.predictor) not in _PREDICTORS:
        known = ", ".join(dict.fromkeys(_COMPRESSIONS.values()))
        raise ValueError(f"its compression is {int(page.compression)}, and read are {known}")
    if int(page.compression) != _LZW:
        return
    # Apart, for importing Numba takes a moment.
    from kikuchi.scans.readers.lzw_kernel import sound_lzw

    file = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count < 1 or offset + count > file.size:
            raise ValueError("the file ends before its pixels")
        file.seek(offset)
        stream = np.frombuffer(file.read(count), np.uint8)
        if len(stream) > 1 and stream[0] == 0 and stream[1] & 1:
            raise ValueError("it is compressed by LZW as before TIFF 6.0, which is not read")
        if not sound_lzw(stream):
            raise ValueError("its LZW stream has a code that it has not defined: it is damaged")
