"""Time plan of an explanation, measured before its first point, and each point's share."""

import time
from dataclasses import dataclass, replace

import numpy as np

from kikuchi.explain.disagreement import Ensemble
from kikuchi.explain.expected_gradients import PLACES
from kikuchi.explain.paper_figures import shown_classes

#: Seconds that drawing one point takes before any point was drawn.
DRAWING = 1.5


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts of one point, once everything is compiled.

    Attributes
    ----------
    margins
        Attributions of two logits of every member.
    information
        Attribution of the mutual information with the fewest places on its lines.
    classes
        Attributions of the other classes that a picture shows, of the dearest member.
    drawing
        The pictures of a point, and its pixels taken away and given back.
    """

    margins: float
    information: float
    classes: float
    drawing: float = DRAWING

    @property
    def least(self) -> float:
        """Seconds of a point of which only the disagreement is explained, as briefly as it can be."""
        return self.margins + self.information + self.drawing

    @property
    def whole(self) -> float:
        """Seconds of a point of which everything is explained; the lines are cut twice as fine on average."""
        return self.margins + 2 * self.information + self.classes + self.drawing


def measure(ensemble: Ensemble) -> Cost:
    """Run each part on a pattern of the background twice and time the second: the first one compiles.

    Compiling is needed anyway, so that what is lost is one time of each part.
    """
    pair = (0, 1)
    members = range(len(ensemble.members))
    patterns = [background[0] for background in ensemble.backgrounds]
    seconds = np.zeros(len(ensemble.members))
    for _ in range(2):
        for m in members:
            begin = time.perf_counter()
            ensemble.disputed(m, pair, patterns[m])
            seconds[m] = time.perf_counter() - begin
    one = ensemble.uncertainty.seconds_of_a_pass()
    passes = -(-PLACES * ensemble.uncertainty.lines // ensemble.uncertainty.batch)
    others = max(0, shown_classes(ensemble.classes) - 2)
    return Cost(float(seconds.sum()), passes * one, float(seconds.max()) * -(-others // 2))


@dataclass
class Plan:
    """The time of a run, shared out evenly among the points that are left.

    Attributes
    ----------
    cost
        Measured.
    points
        Points that are wanted.
    begin, seconds
        When the run began (`time.perf_counter`), and its time.
    """

    cost: Cost
    points: int
    begin: float
    seconds: float

    def learn(self, seconds: float, explaining: float, brief: bool) -> None:
        """Take what a point took beyond its attributions as what drawing the next one will take."""
        drawing = seconds - explaining - (0.0 if brief else self.cost.classes)
        self.cost = replace(self.cost, drawing=max(0.0, drawing))

    @property
    def left(self) -> float:
        """Seconds until the time is used up, 0 or more."""
        return max(0.0, self.begin + self.seconds - time.perf_counter())

    def reachable(self, done: int = 0) -> int:
        """Return how many points the time allows with the least of each, of which so many are done; one at least."""
        return int(np.clip(done + self.left // self.cost.least, max(done, 1), self.points))

    def expected(self) -> float:
        """Return the seconds that the points will take: all of each, or what is left where that is less."""
        return min(self.reachable() * self.cost.whole, max(self.left, self.cost.least))

    def share(self, done: int) -> float:
        """Return the seconds of the next point: what is left, divided among those to come."""
        return self.left / max(1, self.reachable(done) - done)

    def __str__(self) -> str:
        """Say what to expect."""
        can = self.reachable()
        some = f"all {self.points} points" if can == self.points else f"{can} of {self.points} points"
        brief = "" if self.left / can >= self.cost.whole else ", each more briefly than without a limit"
        return f"about {self.expected():.0f} s for {some}{brief} ({self.cost.whole:.1f} s a point in full)"
