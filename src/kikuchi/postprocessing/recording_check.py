"""Whether a scan was recorded as the patterns were that certified a bundle, as far as its file says how.

Where only simulated patterns certified a promise, the recipe knows between which pattern centres and camera distances
they were recorded. What the members say of a scan tells a screen that stands too far away only badly, since crystals
differ more among themselves (`reports/trust`); most files simply say it.
"""

from kikuchi.bundle.bundle import Bundle
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Scan
from kikuchi.simulate.detector.distribution import Distribution
from kikuchi.simulate.detector.microscope import Detector
from kikuchi.simulate.training.batches import real_detector, varied_detector

#: So far outside, in heights or widths of the pattern, is no difference that matters.
TOLERATED = 0.03

_WORDS = {
    "pcx": "pattern centre {value:.2f} of the width from the left",
    "pcy": "pattern centre {value:.2f} of the height from the top",
    "pcz": "camera distance of {value:.2f} pattern heights",
}


def recording_message(bundle: Bundle, scan: Scan) -> str:
    """Say what the file of a scan says of its recording that no certified pattern had; empty where nothing.

    Parameters
    ----------
    bundle
        Nothing is said where recorded patterns certified it, whose recording it does not keep.
    scan
        Its pattern centre is in Bruker's convention; nothing is said of one whose file does not give it.

    Returns
    -------
    str
        Such as ``camera distance of 1.10 pattern heights, trained at 0.45 to 0.75``.
    """
    trained = _recording(bundle.recipe) if bundle.simulated_alone else None
    if trained is None or scan.pattern_centre is None:
        return ""
    centre = scan.pattern_centre
    if bundle.preparation(bundle.members[0]).crop == "centre":
        centre = _of_square(centre, scan.signal_shape)
    found = []
    for (name, words), value in zip(_WORDS.items(), centre, strict=True):
        low, high = _ends(getattr(trained, name))
        if not low - TOLERATED <= value <= high + TOLERATED:
            found.append(f"{words.format(value=value)}, trained at {low:g} to {high:g}")
    return "; ".join(found)


def _recording(recipe: Recipe) -> Detector | None:
    """Return between what the streamed patterns of a recipe are recorded; None of a recipe without."""
    if recipe.stream is None:
        return None
    return recipe.stream.detector or (
        real_detector() if recipe.stream.recording == "real" else varied_detector()
    )


def _ends(values: Distribution) -> tuple[float, float]:
    """Return the smallest and the largest value; two standard deviations of a normal one."""
    if values.kind == "normal":
        mean, deviation = values.values
        return mean - 2 * deviation, mean + 2 * deviation
    return min(values.values), max(values.values)


def _of_square(centre: tuple[float, float, float], shape: tuple[int, int]) -> tuple[float, float, float]:
    """Return a pattern centre as it is in the middle square, which is what members see."""
    height, width = shape
    side = min(shape)
    x, y, z = centre
    return 0.5 + (x - 0.5) * width / side, 0.5 + (y - 0.5) * height / side, z * height / side
