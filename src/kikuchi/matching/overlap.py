"""Two crystals in one pattern: the stronger one is taken off, and what is left is matched with the other phases."""

from dataclasses import dataclass

import numpy as np

from kikuchi.matching.matcher import Matcher
from kikuchi.matching.search import Matching
from kikuchi.matching.spectrum import Spectrum, unit

_BATCH = 128

#: Simulations that correlate by more than this show one crystal: what the first leaves of it is then what simulation
#: and recording differ by, as the carbide NbC explains it of nickel in one orientation on half of a real map.
ALIKE = 0.5

#: Shares below this are not asked whether the second crystal is of the first phase too.
_WORTH = 0.1


@dataclass(frozen=True)
class SecondCrystal:
    """The crystal that explains best what the first leaves of a pattern.

    Attributes
    ----------
    phase
        Index of another phase than the first, or of the first where a crystal of it explains the rest better than
        those of others, shape (n,).
    rotations
        Unit quaternions, sample to crystal, shape (n, 4).
    share
        Of the second crystal in the diffracted signal of both, 0 to 1, shape (n,); 0 where all that were found look
        like the first.
    """

    phase: np.ndarray
    rotations: np.ndarray
    share: np.ndarray


def second_crystal(
    matcher: Matcher, patterns: np.ndarray, place: np.ndarray, first: np.ndarray, rotations: np.ndarray
) -> SecondCrystal:
    """Fit the stronger phase, subtract its simulation, match the rest (Cios, Winkelmann et al. 2026).

    Parameters
    ----------
    matcher
        Of two phases or more.
    patterns
        (n, sy, sx), the static background taken off, see `flattened`.
    place
        Where in the scan, shape (n, 2).
    first, rotations
        Phase and pose that fit each pattern best, shapes (n,) and (n, 4).

    Notes
    -----
    Shares are amplitudes of two simulations, fitted together by least squares, each simulation having the standard
    deviation of its master over the sphere. A pattern of one crystal gets a share too: noise, and what simulation and
    crystal differ by, look a little like something. From which share on two crystals are meant is found with
    simulations of one.
    """
    n = len(patterns)
    phase = np.zeros(n, np.intp)
    turns, share = np.zeros((n, 4)), np.zeros(n)
    for start in range(0, n, _BATCH):
        part = slice(start, min(start + _BATCH, n))
        phase[part], turns[part], share[part] = _second(
            matcher, patterns[part], place[part], first[part], rotations[part]
        )
    return SecondCrystal(phase, turns, share)


def _second(
    matcher: Matcher, patterns: np.ndarray, place: np.ndarray, first: np.ndarray, rotations: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(patterns)
    spectrum, coarse = matcher.spectrum, matcher.phases[0].coarse
    full = spectrum.of_patterns(patterns)
    few = full if coarse is spectrum else coarse.of_patterns(patterns)
    known = _models(matcher.phases, spectrum, first, rotations, place)
    rest = _without(full, known)
    rest_few = rest if coarse is spectrum else _without(
        few, _models(matcher.phases, coarse, first, rotations, place)
    )  # fmt: skip
    best = np.full(n, -1.0)
    # Where nothing is found that is unlike the first crystal, another phase has no share.
    phase, turns = np.where(first == 0, 1, 0), np.tile([1.0, 0, 0, 0], (n, 1))
    share = np.zeros(n)

    def look(k: int, here: np.ndarray) -> None:
        """Put phase k where it explains the rest best and does not look like the first crystal."""
        found, scores = matcher.phases[k].match_features(rest_few[here], rest[here], place[here])
        model = matcher.phases[k].models(found, place[here], spectrum)
        alike = np.einsum("nd,nd->n", unit(model), unit(known[here])) > ALIKE
        better = (scores > best[here]) & ~alike
        gained = here[better]
        best[gained], phase[gained], turns[gained] = scores[better], k, found[better]
        amplitudes = _amplitudes(full[gained], known[gained], model[better])
        share[gained] = amplitudes[:, 1] / np.maximum(amplitudes.sum(axis=1), 1e-12)

    for k in range(len(matcher.phases)):
        if len(here := np.flatnonzero(first != k)):
            look(k, here)
    for k in range(len(matcher.phases)):
        if len(here := np.flatnonzero((first == k) & (share >= _WORTH))):
            look(k, here)
    return phase, turns, share


def _models(
    phases: list[Matching], spectrum: Spectrum, which: np.ndarray, rotations: np.ndarray, place: np.ndarray
) -> np.ndarray:
    found = np.empty((len(which), spectrum.size), np.float32)
    for k in np.unique(which):
        here = np.flatnonzero(which == k)
        found[here] = phases[k].models(rotations[here], place[here], spectrum)
    return found


def _without(features: np.ndarray, models: np.ndarray) -> np.ndarray:
    """Take of unit features what models explain, and scale the rest to length 1."""
    models = unit(models)
    return unit(features - np.einsum("nd,nd->n", features, models)[:, None] * models)


def _amplitudes(features: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Fit amplitudes that are not negative to features, shape (n, 2)."""
    aa, bb, ab = (np.einsum("nd,nd->n", x, y) for x, y in ((one, one), (other, other), (one, other)))
    fa, fb = (np.einsum("nd,nd->n", features, x) for x in (one, other))
    determinant = np.maximum(aa * bb - ab**2, 1e-6 * aa * bb + 1e-30)
    both = np.stack([bb * fa - ab * fb, aa * fb - ab * fa], axis=1) / determinant[:, None]
    alone = np.stack([fa / np.maximum(aa, 1e-30), fb / np.maximum(bb, 1e-30)], axis=1)
    both[both[:, 1] < 0] = np.stack([alone[:, 0], np.zeros(len(alone))], axis=1)[both[:, 1] < 0]
    both[both[:, 0] < 0] = np.stack([np.zeros(len(alone)), alone[:, 1]], axis=1)[both[:, 0] < 0]
    return np.maximum(both, 0)
