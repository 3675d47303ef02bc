"""One disagreement, taken apart: what the members share and where they part."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kikuchi.bundle.background import Background
from kikuchi.explain.explanation import on_grid, pattern_on_grid, to_explanation
from kikuchi.explain.gradients import at_once
from kikuchi.explain.shapley import Attribution, Method, Shapley
from kikuchi.explain.uncertainty_attribution import Uncertainty, UncertaintyAttribution

if TYPE_CHECKING:
    import keras
    import shap

_BATCH = 64


@dataclass(frozen=True)
class Disagreement:
    """Why the members of an ensemble disagree about one pattern.

    Attributes
    ----------
    pair
        Class indices (a, b) of the two disputed classes, the one put first by the mean of the members first.
    logits
        For each of the M members the attributions of the logits of a and of b.
    uncertainty
        Attribution of the mutual information.
    """

    pair: tuple[int, int]
    logits: tuple[tuple[Attribution, Attribution], ...]
    uncertainty: UncertaintyAttribution

    @property
    def margins(self) -> tuple[Attribution, ...]:
        """Attribution of logit(a) - logit(b) for each member: both methods are linear in the output."""
        return tuple(
            Attribution(a.values - b.values, a.value - b.value, a.base - b.base) for a, b in self.logits
        )

    @property
    def side(self) -> int:
        """Side of the common grid in pixels: that of the largest input."""
        return max(m.values.shape[0] for m in self.margins)

    @property
    def mean(self) -> np.ndarray:
        """Agreement of the members: mean of the margins' attributions, (side, side), logits."""
        return self._stacked().mean(axis=0)

    @property
    def spread(self) -> np.ndarray:
        """Where the members part: standard deviation of the margins' attributions, (side, side), logits."""
        return self._stacked().std(axis=0)

    @property
    def information(self) -> np.ndarray:
        """Attribution of the mutual information, summed over the members, (side, side), nats."""
        return np.sum([on_grid(v, self.side) for v in self.uncertainty.values], axis=0)

    @property
    def worst_error(self) -> float:
        """Largest relative error of completeness of the logits' attributions."""
        return max(attribution.error for pair in self.logits for attribution in pair)

    @property
    def worst_missed(self) -> float:
        """Largest error of completeness of the logits' attributions, in logits."""
        return max(attribution.missed for pair in self.logits for attribution in pair)

    def to_explanation(
        self, patterns: Sequence[np.ndarray], classes: Sequence[int | str], members: Sequence[str]
    ) -> "shap.Explanation":
        """Return a `shap.Explanation` with one sample a member, on the grid of the largest input.

        Parameters
        ----------
        patterns
            As each member takes it, M arrays (s, s).
        classes
            Space groups, or names, of the K classes.
        members
            Names of the M members.

        Returns
        -------
        shap.Explanation
            Outputs are the logits of both classes and their margin; see `kikuchi.explain.to_explanation`.
        """
        a, b = (str(classes[k]) for k in self.pair)
        rows = [
            [Attribution(on_grid(one.values, self.side), one.value, one.base) for one in (*pair, margin)]
            for pair, margin in zip(self.logits, self.margins, strict=True)
        ]
        data = np.stack([pattern_on_grid(p, self.side) for p in patterns])
        return to_explanation(rows, data, [a, b, f"{a} less {b}"], members)

    def _stacked(self) -> np.ndarray:
        return np.stack([on_grid(m.values, self.side) for m in self.margins])


class Ensemble:
    """The members of a bundle, ready to be explained.

    Parameters
    ----------
    members
        M members.
    sizes
        Input size of each.
    background
        What patterns are compared with.
    method
        One of `kikuchi.explain.shapley.METHODS`.
    weights
        Of the members in the mixture whose mutual information is explained, (M,); equal where None.
    alike
        What kind of network each member is: those of one architecture, input size, number of channels and kind of head
        are compiled once. All are kinds of their own where None.
    """

    def __init__(
        self,
        members: Sequence["keras.Model"],
        sizes: Sequence[int],
        background: Background,
        method: Method = "deep",
        *,
        weights: np.ndarray | None = None,
        alike: Sequence[Hashable] | None = None,
    ) -> None:
        self.members = list(members)
        self.backgrounds = [background.prepared(size) for size in sizes]
        self.explainers: list[Shapley] = []
        first: dict[Hashable, Shapley] = {}
        kinds = range(len(self.members)) if alike is None else alike
        for kind, member, patterns in zip(kinds, self.members, self.backgrounds, strict=True):
            self.explainers.append(Shapley(member, patterns, method, like=first.get(kind)))
            first.setdefault(kind, self.explainers[-1])
        # Half the lines with twice the places: what changes fast along a line costs completeness, fewer lines do not.
        half = [patterns[::2] for patterns in self.backgrounds]
        self.uncertainty = Uncertainty(members, half, weights=weights)
        self.classes = int(members[0].outputs[0].shape[-1])

    def attributions(self, member: int, classes: Sequence[int], pattern: np.ndarray) -> list[Attribution]:
        """Attribute one member's logits of some classes for a pattern prepared for that member, (s, s)."""
        return self.explainers[member](pattern, np.eye(self.classes)[list(classes)])

    def logits(self, member: int, patterns: np.ndarray) -> np.ndarray:
        """Return one member's logits of patterns (n, s, s) prepared for it, (n, K) float64."""
        from keras import ops

        # Not `predict`, which compiles a graph for every member.
        model, size = self.members[member], at_once([self.members[member]], _BATCH)
        batches = [
            model(ops.convert_to_tensor(patterns[i : i + size, ..., None]), training=False)[0]
            for i in range(0, len(patterns), size)
        ]
        return np.concatenate([ops.convert_to_numpy(logits) for logits in batches]).astype(np.float64)

    def disputed(
        self, member: int, pair: tuple[int, int], pattern: np.ndarray
    ) -> tuple[Attribution, Attribution]:
        """Attribute one member's logits of a pair of classes."""
        a, b = np.eye(self.classes)[list(pair)]
        # The margin is asked for and the second logit follows: the difference of two would miss by what both do.
        first, margin = self.explainers[member](pattern, np.stack([a, a - b]))
        second = Attribution(
            first.values - margin.values, first.value - margin.value, first.base - margin.base
        )
        return first, second

    def margin(self, member: int, pair: tuple[int, int], pattern: np.ndarray) -> Attribution:
        """Attribute one member's logit of the first class of a pair less that of the second."""
        unit = np.eye(self.classes)
        return self.explainers[member](pattern, (unit[pair[0]] - unit[pair[1]])[None])[0]


def explain_disagreement(
    ensemble: Ensemble,
    patterns: Sequence[np.ndarray],
    pair: tuple[int, int],
    *,
    until: float | None = None,
) -> Disagreement:
    """Attribute each member's logits of two disputed classes, and the mutual information of all.

    Parameters
    ----------
    ensemble
        The members.
    patterns
        The pattern as each member takes it, (s, s).
    pair
        Class indices.
    until
        When the mutual information is not refined any more (`time.perf_counter`).
    """
    logits = tuple(ensemble.disputed(m, pair, pattern) for m, pattern in enumerate(patterns))
    return Disagreement(pair, logits, ensemble.uncertainty(patterns, until))


def disputed_pair(member_probabilities: np.ndarray) -> tuple[int, int]:
    """Return the two classes that members disagree about.

    The class that the mean of the members puts first, and its strongest rival: the class with the most votes of those
    who disagree, the mean deciding ties; the runner-up of the mean where nobody disagrees.

    Parameters
    ----------
    member_probabilities
        (M, K).

    Examples
    --------
    >>> disputed_pair(np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.3, 0.3, 0.4]]))
    (0, 2)
    """
    p = np.asarray(member_probabilities, float)
    mean, votes = p.mean(axis=0), np.bincount(p.argmax(axis=1), minlength=p.shape[1])
    first = int(mean.argmax())
    rivals = votes + mean  # a mean is below 1: it decides ties only
    rivals[first] = -1
    return first, int(rivals.argmax())
