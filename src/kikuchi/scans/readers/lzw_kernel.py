"""A walk through an LZW stream, compiled by Numba: a pattern has a hundred thousand codes."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def sound_lzw(stream: np.ndarray) -> bool:
    """Whether every code of an LZW stream (TIFF 6.0, section 13) was defined before it is used.

    Parameters
    ----------
    stream
        Bytes, (n,) uint8.

    Examples
    --------
    >>> sound_lzw(np.frombuffer(bytes.fromhex("80000503800808"), np.uint8))
    True
    """
    clear, end, most = 256, 257, 4096
    width, following, first = 9, 258, True
    held, bits = 0, 0
    for byte in stream:
        held = (held << 8) | byte
        bits += 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits
        held &= (1 << bits) - 1
        if code == end:
            return True
        if code == clear:
            width, following, first = 9, 258, True
            continue
        if first:
            if code > 255:
                return False
            first = False
            continue
        if code > following or code >= most:
            return False
        if following < most:
            following += 1
        # The next code is one bit longer when the table but for one entry is full.
        if following >= (1 << width) - 1 and width < 12:
            width += 1
    return True
