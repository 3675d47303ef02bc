"""Units of length as programs write them."""

_MICROMETRES = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "um": 1.0,
    "nm": 1e-3,
    "å": 1e-4,
    "pm": 1e-6,
}
_WORDS = {
    "meter": "m",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "um",
    "micron": "um",
    "nanometer": "nm",
    "angstrom": "å",
    "ångström": "å",
    "ångstrom": "å",
    "picometer": "pm",
}


def micrometres(unit: str) -> float | None:
    """Length of a unit in micrometres; None for what is no unit of length.

    Parameters
    ----------
    unit
        Symbol or word, in any case but for the symbols' first letter: "nm", "µm", "micron", "Angstroms".

    Examples
    --------
    >>> micrometres("nm"), micrometres("micrometre"), micrometres("s")
    (0.001, 1.0, None)
    """
    # Both signs for micro, the unit's own sign for the angstrom, and a combining ring.
    text = (
        unit.strip()
        .replace("\u03bc", "u")
        .replace("\u00b5", "u")
        .replace("\u212b", "Å")
        .replace("A\u030a", "Å")
    )
    if len(text) <= 2:
        # Mm is a million metres, and M, CM, NM no symbols of lengths.
        return _MICROMETRES.get("å" if text in ("A", "Å") else text)
    word = text.lower().removesuffix("s")
    if word.endswith("metre"):
        word = word.removesuffix("metre") + "meter"
    return _MICROMETRES.get(_WORDS.get(word, ""))
