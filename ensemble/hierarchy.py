"""Answers on several levels: a tree over the classes, and probabilities that agree across its levels.

Where two classes cannot be decided, what they have in common still can. Probabilities of a coarser level are sums
over the finer one; each level is calibrated by a temperature of its own on its conditional probabilities, so that
the levels stay coherent: a node is never more probable than its parent, and children sum to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_labels, as_number, as_probabilities

_LOG_RANGE = np.log(100.0)
"""Temperatures from 0.01 to 100."""


@dataclass(frozen=True)
class Hierarchy:
    """Partitions of K classes, each finer than the one before; the last holds the classes themselves.

    Attributes
    ----------
    levels
        Names from the coarsest to the finest, L of them.
    nodes
        Names of each level's nodes, in the order in which the classes first reach them.
    node_of
        Node of each class at each level, L arrays of shape (K,).
    """

    levels: tuple[str, ...]
    nodes: tuple[tuple[str, ...], ...]
    node_of: tuple[NDArray[np.intp], ...]

    @classmethod
    def from_paths(cls, levels: Sequence[str], paths: Sequence[Sequence[str]]) -> "Hierarchy":
        """Build the tree from each class's way down.

        Parameters
        ----------
        levels
            Names of the L levels.
        paths
            Names of the L nodes above each class, its own name last, K of them.

        Raises
        ------
        InputError
            If a path has another length, a node has two parents, or two classes share their last node.

        Examples
        --------
        >>> tree = Hierarchy.from_paths(("kind", "name"), [("cat", "lion"), ("dog", "wolf"), ("cat", "puma")])
        >>> tree.nodes[0], tree.node_of[0].tolist()
        (('cat', 'dog'), [0, 1, 0])
        """
        if not paths or not levels or any(len(path) != len(levels) for path in paths):
            raise InputError(f"every class needs a path of {len(levels)} nodes, and there must be one class")
        nodes, node_of = [], []
        for depth in range(len(levels)):
            names = list(dict.fromkeys(path[depth] for path in paths))
            parents = {path[depth]: path[:depth] for path in paths}
            torn = [p[depth] for p in paths if tuple(p[:depth]) != tuple(parents[p[depth]])]
            if torn:
                raise InputError(f"{torn[0]!r} lies below two nodes of a hierarchy")
            nodes.append(tuple(names))
            node_of.append(np.array([names.index(path[depth]) for path in paths], dtype=np.intp))
        if len(nodes[-1]) != len(paths):
            raise InputError("two classes share the finest node of a hierarchy")
        return cls(tuple(levels), tuple(nodes), tuple(node_of))

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.node_of[0])

    def parents(self, level: int) -> NDArray[np.intp]:
        """Return the node above each node of a level, shape (nodes,); the one root above the first level."""
        if self._checked(level) == 0:
            return np.zeros(len(self.nodes[0]), dtype=np.intp)
        above = np.empty(len(self.nodes[level]), dtype=np.intp)
        above[self.node_of[level]] = self.node_of[level - 1]
        return above

    def sums(self, probabilities: ArrayLike, level: int) -> NDArray[np.float64]:
        """Return the probability of each node of a level, shape (N, nodes): the sum over its classes.

        Parameters
        ----------
        probabilities
            Of the classes, shape (N, K); NaN rows stay NaN.
        level
            0 for the coarsest.
        """
        p = as_probabilities(probabilities, finite=False)
        if p.shape[1] != self.n_classes:
            raise InputError(f"this hierarchy is over {self.n_classes} classes, not {p.shape[1]}")
        self._checked(level)
        return p @ np.eye(len(self.nodes[level]))[self.node_of[level]]

    def labels(self, labels: ArrayLike, level: int) -> NDArray[np.intp]:
        """Return the node of each true class, shape (N,)."""
        y = as_labels(labels, len(np.atleast_1d(np.asarray(labels))), self.n_classes)
        return self.node_of[self._checked(level)][y]

    def _checked(self, level: int) -> int:
        if as_count(level, "the level", least=0) >= len(self.levels):
            raise InputError(f"this hierarchy has levels 0 to {len(self.levels) - 1}, not {level}")
        return level


@dataclass(frozen=True)
class HierarchyCalibration:
    """One temperature for each level's choice between the children of a node.

    Attributes
    ----------
    tree
        The hierarchy.
    temperatures
        One a level; 1 where a level decides nothing.
    """

    tree: Hierarchy
    temperatures: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.temperatures) != len(self.tree.levels):
            raise InputError(
                f"{len(self.temperatures)} temperatures for a hierarchy of {len(self.tree.levels)} levels"
            )
        for temperature in self.temperatures:
            as_number(temperature, "a temperature", low=1e-6)

    def apply(self, probabilities: ArrayLike) -> list[NDArray[np.float64]]:
        """Return calibrated probabilities of every level, L arrays of shape (N, nodes), coherent.

        Parameters
        ----------
        probabilities
            Of the classes, calibrated as a flat answer or not at all, shape (N, K); NaN rows stay NaN.

        Examples
        --------
        >>> tree = Hierarchy.from_paths(("kind", "name"), [("cat", "lion"), ("cat", "puma"), ("dog", "wolf")])
        >>> coarse, fine = HierarchyCalibration(tree, (1.0, 100.0)).apply([[0.6, 0.2, 0.2]])
        >>> coarse.round(2).tolist(), fine.round(2).tolist()
        ([[0.8, 0.2]], [[0.4, 0.4, 0.2]])
        """
        above = np.ones((len(np.asarray(probabilities)), 1))
        calibrated = []
        for level, temperature in enumerate(self.temperatures):
            parents = self.tree.parents(level)
            scaled = np.exp(_log_conditionals(self.tree, probabilities, level) / temperature)
            totals = scaled @ np.eye(above.shape[1])[parents]
            above = above[:, parents] * scaled / totals[:, parents]
            calibrated.append(above)
        return calibrated

    def to_dict(self) -> dict[str, Any]:
        """Return the temperatures by level, as plain JSON."""
        return {"temperatures": dict(zip(self.tree.levels, self.temperatures, strict=True))}


def fit_hierarchy(tree: Hierarchy, probabilities: ArrayLike, labels: ArrayLike) -> HierarchyCalibration:
    """Fit each level's temperature on held-out patterns.

    The log-loss of the classes is the sum over the levels of the log-loss of a node given its true parent (the
    chain rule), so the temperatures are fitted one by one and their optimum is that of all together. As for a
    single temperature, a normal prior around log T = 0 with the weight of one pattern holds back a level without a
    mistake.

    Parameters
    ----------
    tree
        The hierarchy over the K classes.
    probabilities
        Held-out, shape (N, K); NaN rows do not take part.
    labels
        True class indices, shape (N,).

    Returns
    -------
    HierarchyCalibration
        A temperature for each level.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    """
    p = as_probabilities(probabilities, finite=False)
    y = as_labels(labels, len(p), tree.n_classes)
    readable = ~np.isnan(p).any(axis=1)
    p, y = p[readable], y[readable]
    temperatures = [_fit_level(tree, p, y, level) for level in range(len(tree.levels))]
    return HierarchyCalibration(tree, tuple(temperatures))


def _fit_level(tree: Hierarchy, p: NDArray[np.float64], y: NDArray[np.intp], level: int) -> float:
    """Temperature of one level: between the children of the true parent only."""
    from scipy.optimize import minimize_scalar

    parents, truth = tree.parents(level), tree.labels(y, level)
    siblings = parents[None, :] == parents[truth][:, None]
    open_choice = siblings.sum(axis=1) > 1
    if not open_choice.any():
        return 1.0
    siblings, truth = siblings[open_choice], truth[open_choice]
    logs = _log_conditionals(tree, p[open_choice], level)
    picked = logs[np.arange(len(truth)), truth]
    others = np.where(siblings, logs, -np.inf)

    def objective(log_temperature: float) -> float:
        beta = np.exp(-log_temperature)
        likelihood = np.log(np.exp(beta * others).sum(axis=1)) - beta * picked
        return float(likelihood.sum() + 0.5 * log_temperature**2)

    fit = minimize_scalar(objective, bounds=(-_LOG_RANGE, _LOG_RANGE), method="bounded")
    return float(np.exp(fit.x))


def _log_conditionals(tree: Hierarchy, probabilities: ArrayLike, level: int) -> NDArray[np.float64]:
    """Log-probability of each node given its parent, minus that of its likeliest sibling: at most 0, finite."""
    logs = np.log(np.maximum(tree.sums(probabilities, level), np.finfo(np.float64).tiny))
    parents = tree.parents(level)
    best = np.stack([logs[:, parents == node].max(axis=1) for node in range(parents.max() + 1)], axis=1)
    return logs - best[:, parents]
