"""Members of which one is a matcher: it is given patterns as recorded, and says orientations beside its logits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ensemble.pooling import DropoutDraws
from kikuchi._support.threads import in_order
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.inference.runner import Runner
from kikuchi.matching.matcher import Evidence, Matches
from kikuchi.matching.storage import Answers, MatcherMember
from kikuchi.scans import pattern_quality

#: Patterns that one worker takes at a time: few enough that all cores have something to do.
_PIECE = 128

Piece = np.ndarray | tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class MatchingRunner:
    """A matcher and any number of networks, ready to run; it stands in for `kikuchi.inference.Runner`.

    Attributes
    ----------
    matcher
        The first member.
    networks
        The others; None where there are none.
    draws
        How many dropout draws a network has: the matcher votes as often, always for its winner.
    """

    matcher: MatcherMember
    networks: Runner | None
    draws: int

    def outputs(
        self,
        patterns: np.ndarray,
        static_background: np.ndarray | None = None,
        place: np.ndarray | None = None,
    ) -> MemberOutputs:
        """Run the members on patterns, in the calling thread.

        Parameters
        ----------
        patterns
            (N, sy, sx) as a detector gave them.
        static_background
            (sy, sx) or None, for the networks; the matcher has its own.
        place
            In -1 to 1 along columns and rows of the scan, shape (N, 2); the scan's middle where None.

        Returns
        -------
        MemberOutputs
            Unfamiliarity is the matcher's: how little of what a pattern shows any phase explains.
        """
        return self._beside(self.matcher.answer(patterns, place), patterns, static_background)

    def outputs_of(self, found: Matches, evidence: Evidence, patterns: np.ndarray) -> MemberOutputs:
        """Return `outputs` of patterns that were matched before, with other evidence than the matcher's own."""
        return self._beside(replace(self.matcher, evidence=evidence).answers(found), patterns, None)

    def _beside(
        self, answers: Answers, patterns: np.ndarray, static_background: np.ndarray | None
    ) -> MemberOutputs:
        own = _draws_of(answers.logits, self.draws)
        quality = pattern_quality(patterns)
        if self.networks is None:
            return MemberOutputs(answers.logits[None], own, answers.unfamiliarity, quality, answers.poses)
        others = self.networks.outputs(patterns, static_background)
        draws = DropoutDraws(
            np.concatenate([own.mean, others.draws.mean]),
            np.concatenate([own.entropy, others.draws.entropy]),
            np.concatenate([own.votes, others.draws.votes]),
        )
        logits = np.concatenate([answers.logits[None], others.logits])
        return MemberOutputs(logits, draws, answers.unfamiliarity, quality, answers.poses)

    def pieces(self, part: slice, signal_shape: tuple[int, int]) -> list[slice]:
        """Cut a part of a scan into what one worker takes at a time."""
        if self.networks is not None:
            return self.networks.pieces(part, signal_shape)
        return [slice(i, min(i + _PIECE, part.stop)) for i in range(part.start, part.stop, _PIECE)]

    def stream(
        self,
        pieces: Iterable[Piece],
        static_background: np.ndarray | None = None,
        *,
        threads: int | None = None,
    ) -> Iterator[MemberOutputs]:
        """Run pieces of a scan in overlapping stages, giving their outputs in order.

        Parameters
        ----------
        pieces
            Raw patterns (n, sy, sx), or a pair of these and their places.
        static_background
            (sy, sx) or None.
        threads
            Workers; one for each core where None.
        """
        _ = self.matcher.matcher.warm  # dictionaries are made before workers ask for them at once

        def run(piece: Piece) -> MemberOutputs:
            patterns, place = piece if isinstance(piece, tuple) else (piece, None)
            return self.outputs(patterns, static_background, place)

        return in_order(run, pieces, threads)


def _draws_of(logits: np.ndarray, draws: int) -> DropoutDraws:
    """Give a member without draws the statistics of so many equal ones."""
    from scipy.special import log_softmax

    logs = log_softmax(logits.astype(np.float64), axis=1)
    mean = np.exp(logs)
    votes = np.zeros(logits.shape, np.uint16)
    votes[np.arange(len(logits)), logits.argmax(axis=1)] = draws
    entropy = -(mean * logs).sum(axis=1)
    return DropoutDraws(mean[None].astype(np.float32), entropy[None].astype(np.float32), votes[None])
