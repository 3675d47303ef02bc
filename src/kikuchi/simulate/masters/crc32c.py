"""The checksum at the end of `.sht` files."""

_CASTAGNOLI = 0x82F63B78  # x^32 ... of RFC 3720 appendix B.4, bits in reflected order
_CASTAGNOLI_UNREFLECTED = 0x1EDC6F41


def crc32c(data: bytes, *, as_emsoft: bool = False) -> int:
    """Return the CRC-32C of some bytes.

    Parameters
    ----------
    data
        The bytes.
    as_emsoft
        As EMsoft's `.sht` writer computes it: the polynomial's bits are not put in reflected order although the
        algorithm runs on reflected bits. All public files carry this sum.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))  # the check value of RFC 3720
    '0xe3069283'
    """
    table = _table(_CASTAGNOLI_UNREFLECTED if as_emsoft else _CASTAGNOLI)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _table(polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return table
