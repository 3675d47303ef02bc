"""The colours and names of a map's page: the same as in its pictures."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from ensemble.abstention import Status
from kikuchi.crystallography.vendor_codes import symbol
from kikuchi.maps.colours import (
    CONFIDENCE_COLOURS,
    DISAGREEMENT_COLOURS,
    ENTROPY_COLOURS,
    STATUS_TONES,
    class_colours,
)

_RAMPS = {
    "confidence": CONFIDENCE_COLOURS,
    "quality": CONFIDENCE_COLOURS,
    "mutual_information": DISAGREEMENT_COLOURS,
    "variation_ratio": DISAGREEMENT_COLOURS,
}
_RAMP_STEPS = 128
_MISSING = "#B8A9A9"


def page_colours(classes: tuple[int, ...], labels: Sequence[str] | None = None) -> dict[str, Any]:
    """Labels and colours for the page's data block.

    Parameters
    ----------
    classes
        Space-group numbers.
    labels
        What classes are called; number and symbol by default.

    Returns
    -------
    dict
        ``labels`` (number and Hermann-Mauguin symbol) and ``colours``: of classes, of statuses with their
        stripes, of what is missing, and the ramp of each score as ``"#rrggbb"`` from low to high.
    """
    names = {key: _RAMPS.get(key, ENTROPY_COLOURS) for key in (*_RAMPS, "other")}
    return {
        "labels": list(labels or (f"{number} {symbol(number)}" for number in classes)),
        "colours": {
            "classes": list(class_colours(classes)),
            "statuses": [
                {"colour": tone.colour, "stripes": tone.stripes, "slope": tone.slope}
                for tone in (STATUS_TONES[status] for status in Status)
            ],
            "missing": _MISSING,
            "ramps": {key: ramp(name) for key, name in names.items()},
        },
    }


@cache
def ramp(name: str) -> tuple[str, ...]:
    """Sample a colour map of matplotlib.

    Parameters
    ----------
    name
        Its name.

    Returns
    -------
    tuple of str
        128 colours from low to high.

    Examples
    --------
    >>> ramp("viridis")[0], ramp("viridis")[-1]
    ('#440154', '#fde725')
    """
    import matplotlib
    from matplotlib.colors import to_hex

    colours = matplotlib.colormaps[name]
    return tuple(to_hex(colours(step / (_RAMP_STEPS - 1))) for step in range(_RAMP_STEPS))
