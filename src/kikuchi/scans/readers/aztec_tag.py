"""The geometry that Oxford's AZtec writes into the TIFF images it exports."""

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from kikuchi.scans.readers.images import tiff_tag

#: TIFF tag that holds AZtec's XML.
AZTEC_TAG = 51122
_LONGEST = 1_000_000


def parse_aztec_xml(text: str) -> dict[str, float | str]:
    """Values of AZtec's ``oina-image`` XML by element name, numbers as floats.

    Text that is not such XML, is above 1 MB, or declares a document type or entities (which AZtec never does,
    and which bombs do) gives an empty dictionary.

    Examples
    --------
    >>> parse_aztec_xml("<oina-image><ebsp-image><specimen-tilt-deg>70</specimen-tilt-deg>"
    ...                 "<specimen-tilt-axis>X</specimen-tilt-axis></ebsp-image></oina-image>")
    {'specimen-tilt-deg': 70.0, 'specimen-tilt-axis': 'X'}
    """
    text = text.strip().strip("\0")
    if len(text) > _LONGEST or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}
    try:
        root = ElementTree.fromstring(text.encode())
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    values: dict[str, float | str] = {}
    for element in root.iter():
        value = (element.text or "").strip()
        if len(element) or not value:
            continue
        try:
            number = float(value)
        except ValueError:
            values[element.tag] = value
        else:
            if math.isfinite(number):
                values[element.tag] = number
    return values


def aztec_metadata(path: Path) -> dict[str, float | str]:
    """Values of tag 51122 of a TIFF image by element name, empty where there is none."""
    text = tiff_tag(path, AZTEC_TAG) if path.suffix.lower() in (".tif", ".tiff") else None
    return {} if text is None else parse_aztec_xml(text)


def aztec_geometry(
    values: dict[str, float | str], signal_shape: tuple[int, int]
) -> tuple[float | None, float | None, tuple[float, float, float] | None]:
    """Voltage, sample tilt and pattern centre from AZtec's values.

    AZtec gives the pattern centre in units of the pattern's width, y upwards from the bottom; with
    a = width / height Bruker's convention is (x, 1 - a y, a z).

    Parameters
    ----------
    values
        What ``aztec_metadata`` returned.
    signal_shape
        Rows and columns (sy, sx) of the pattern.

    Returns
    -------
    voltage_kv, sample_tilt, pattern_centre
        In kV, degrees and Bruker's convention; None for what is missing or out of range.
    """
    voltage = _number(values, "sem-acc-voltage-kv", 0.1, 400)
    tilt = _number(values, "specimen-tilt-deg", -90, 90)
    x = _number(values, "pattern-center-x-pu", -10, 10)
    y = _number(values, "pattern-center-y-pu", -10, 10)
    z = _number(values, "detector-distance-pu", 0, 100)
    if x is None or y is None or z is None:
        return voltage, tilt, None
    aspect = signal_shape[1] / signal_shape[0]
    return voltage, tilt, (x, 1 - aspect * y, aspect * z)


def _number(values: dict[str, float | str], name: str, low: float, high: float) -> float | None:
    value = values.get(name)
    return value if isinstance(value, float) and low <= value <= high else None
