"""Whether a crystal's bands are as wide as a phase says: the same phase at a lower and a higher voltage.

A band is as wide as the wavelength over the spacing of its planes. A phase of another cell, but the same kind of
lattice, can be turned until its bands lie on those of a pattern, and explains it nearly as well as the right one; but
then it does so better at another voltage, which the right one does not.
"""

from dataclasses import replace

import numpy as np

from kikuchi.matching.search import Matching
from kikuchi.matching.spectrum import unit
from kikuchi.matching.texture import Texture

#: Voltages that are compared, over that of the scan: wavelengths 7 % longer and shorter.
FACTORS = (0.87, 1.15)


def lean(
    matching: Matching,
    lower: Texture,
    higher: Texture,
    patterns: np.ndarray,
    place: np.ndarray,
    rotations: np.ndarray,
) -> np.ndarray:
    """Say how much better patterns are explained at the lower voltage than at the higher one, shape (n,).

    Parameters
    ----------
    matching
        Of the phase at the scan's voltage.
    lower, higher
        Of the same phase at `FACTORS` of it.
    patterns
        (n, sy, sx), the static background taken off, see `kikuchi.matching.matcher.flattened`.
    place
        In -1 to 1 along columns and rows of the scan, shape (n, 2).
    rotations
        Poses that were found, shape (n, 4): voltages leave the places of bands as they are.

    Returns
    -------
    numpy.ndarray
        Difference of the shares explained; above zero where bands are wider than the phase says, its cell too large.
    """
    spectrum = matching.spectrum
    features = spectrum.of_patterns(patterns)
    low, high = (
        np.einsum("nd,nd->n", features, unit(replace(matching, texture=t).models(rotations, place, spectrum)))
        for t in (lower, higher)
    )
    return np.asarray((low - high) / spectrum.ceiling(patterns))
