"""All members of a bundle on raw patterns: prepared once, run in turn, reduced to what is kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.abstention import Familiarity
from ensemble.early_exit import Stopping
from ensemble.pooling import DropoutDraws
from kikuchi._support.threads import in_order
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.inference.engine import Engine
from kikuchi.members import MemberSpec, member_draws
from kikuchi.members.predict import BATCH, FEW
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import pattern_quality, prepare

#: Patterns, and bytes of them as float32, that one worker takes at a time. Engines of one core a call take few enough
#: that all cores have something to do; Keras takes whole batches, which it would fill up otherwise.
_PIECE = 256
_PIECE_BYTES = 2**22


@dataclass(frozen=True)
class Runner:
    """The members of an ensemble, ready to run on patterns as a detector gave them.

    Attributes
    ----------
    engines, specs
        The M members.
    recipe
        Says the preparation and the number of dropout draws.
    familiarity
        What unfamiliarity is measured against.
    stopping
        When a pattern needs no further member; None runs them all.
    """

    engines: Sequence[Engine]
    specs: Sequence[MemberSpec]
    recipe: Recipe
    familiarity: Familiarity
    stopping: Stopping | None = None

    def outputs(self, patterns: np.ndarray, static_background: np.ndarray | None = None) -> MemberOutputs:
        """Run the members on patterns, in the calling thread.

        Parameters
        ----------
        patterns
            (N, sy, sx) as a detector gave them.
        static_background
            (sy, sx) or None.

        Returns
        -------
        MemberOutputs
            Logits and draws are NaN where `stopping` skipped the pattern for a member.
        """
        return self.detailed(patterns, static_background)[0]

    def detailed(
        self, patterns: np.ndarray, static_background: np.ndarray | None = None
    ) -> tuple[MemberOutputs, np.ndarray]:
        """Return `outputs`, and the unfamiliarity of each pattern to each member, (M, N), NaN where it did not run."""
        prepared = {
            size: prepare(patterns, self.recipe.preparation(size), static_background)
            for size in {spec.size for spec in self.specs}
        }
        logits, draws, by_member = self._members(prepared, len(patterns))
        ran = np.isfinite(by_member)
        total = np.where(ran, by_member, 0).sum(axis=0)
        unfamiliarity = np.where(ran.any(axis=0), total / np.maximum(ran.sum(axis=0), 1), np.nan)
        return MemberOutputs(logits, draws, unfamiliarity, pattern_quality(patterns)), by_member

    def pieces(self, part: slice, signal_shape: tuple[int, int]) -> list[slice]:
        """Cut a part of a scan into what one worker takes at a time."""
        bytes_each = 4 * max(signal_shape[0] * signal_shape[1], max(spec.size for spec in self.specs) ** 2)
        least = BATCH if any(engine.name == "keras" for engine in self.engines) else FEW
        step = int(np.clip(_PIECE_BYTES // bytes_each, least, _PIECE)) // least * least
        return [slice(i, min(i + step, part.stop)) for i in range(part.start, part.stop, step)]

    def stream(
        self,
        pieces: Iterable[np.ndarray],
        static_background: np.ndarray | None = None,
        *,
        threads: int | None = None,
    ) -> Iterator[MemberOutputs]:
        """Run pieces of a scan in overlapping stages, giving their outputs in order.

        The calling thread reads one piece after the other while each worker takes one from preparation to its end.
        Memory is that of a few pieces, whatever the size of the scan.

        Parameters
        ----------
        pieces
            Raw patterns (n, sy, sx), read when the iterator is asked.
        static_background
            (sy, sx) or None.
        threads
            Workers; one for each core where None.
        """
        return in_order(lambda piece: self.outputs(piece, static_background), pieces, threads)

    def _members(
        self, prepared: dict[int, np.ndarray], n: int
    ) -> tuple[np.ndarray, DropoutDraws, np.ndarray]:
        """Run the members in their order on what the stopping leaves to do."""
        m, k = len(self.engines), self.specs[0].classes
        logits = np.full((m, n, k), np.nan, np.float32)
        by_member = np.full((m, n), np.nan)
        draws = DropoutDraws(
            np.full((m, n, k), np.nan, np.float32),
            np.full((m, n), np.nan, np.float32),
            np.zeros((m, n, k), np.uint16),
        )
        order = range(m) if self.stopping is None else self.stopping.order
        left = np.arange(n)
        done: list[int] = []
        for member in order:
            spec, engine = self.specs[member], self.engines[member]
            here = slice(None) if len(left) == n else left
            logits[member, here], features = engine.predict(prepared[spec.size][here])
            by_member[member, here] = _unfamiliarity(self.familiarity, member, features)
            done.append(member)
            if self.stopping is not None:
                left = left[~self.stopping.finished(logits[done][:, left])]
                if not len(left):
                    break
                continue  # a stopped pattern has no draws of the members it skipped, so no rule may use any
            # On cached features a draw costs a matrix product, not a network.
            drawn = member_draws(spec, engine.head, features, self.recipe.combine.draws)
            draws.mean[member], draws.entropy[member], draws.votes[member] = (
                drawn.mean,
                drawn.entropy,
                drawn.votes,
            )
        return logits, draws, by_member


def _unfamiliarity(familiarity: Familiarity, member: int, features: np.ndarray) -> np.ndarray:
    own = Familiarity(
        (familiarity.references[member],), familiarity.scales[member : member + 1], familiarity.k
    )
    return own.score([features])
