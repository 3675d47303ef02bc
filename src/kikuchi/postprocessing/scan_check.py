"""Before anything is promised for a scan: whether it is like what was certified, and how its classes are mixed.

Everything here reads the bundle's held-out patterns and what the members say of the scan; no network runs. One pattern
of each held-out group, and one point of each block of the map, count as independent.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import AbstentionRule, Decision, Status
from ensemble.abstention.answered_class import thinned
from ensemble.abstention.ood import energy
from ensemble.errors import InputError
from ensemble.label_shift import LabelShift, estimate_label_shift
from ensemble.shift_gauge import Gauge, compare_units, rank_unit
from ensemble.spatial_correlation import independent_blocks
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, one_of_each_group
from kikuchi.postprocessing.recording_check import recording_message
from kikuchi.scans import Scan, background_for, prepare
from kikuchi.scans.looks import LOOKS, pattern_looks

#: What the members say, in words where a scan lies higher or lower than the held-out patterns.
OUTPUT_FEATURES: dict[str, tuple[str, str]] = {
    "confidence": ("answers surer than there", "answers less sure than there"),
    "mutual_information": ("members disagree more", "members disagree less"),
    "energy": ("weaker responses of the members", "stronger responses of the members"),
    "unfamiliarity": ("stranger features", "features nearer to the training's"),
    "quality": ("less noise", "more noise"),
}

#: What is ranked where whole crystals were held out, and the side that speaks against a scan: real phases answer more
#: surely than the random crystals that most of them are, and no less noise breaks a promise.
WORSE = {"energy": 1, "unfamiliarity": 1, "quality": -1}

#: Points that stand for a large map.
MOST_POINTS = 20_000

#: Blocks of a map that are looked at.
MOST_BLOCKS = 400

LEVEL = 0.05


@dataclass(frozen=True)
class ScanCheck:
    """Comparison of a scan with the patterns that were certified.

    Attributes
    ----------
    blocks
        Block of each point that may count as independent, (N,).
    side
        Side of a block in points.
    gauge
        Whether it is alike; None where nothing can be tested.
    shift
        Its mixture; None where it has no readable, familiar point.
    recording
        What its file says of the recording that no certified pattern had, see
        `kikuchi.postprocessing.recording_check.recording_message`; empty where nothing.
    """

    blocks: NDArray[np.intp]
    side: int
    gauge: Gauge | None
    shift: LabelShift | None
    recording: str = ""

    @property
    def alike(self) -> bool:
        """Whether nothing speaks against the promise."""
        return not self.recording and (self.gauge is None or self.gauge.alike is not False)

    def message(self) -> str:
        """Say in one line what speaks against the promise; empty where nothing does."""
        if self.recording:
            return f"this scan was not recorded as what was certified: no promise ({self.recording})"
        if self.alike or self.gauge is None:
            return ""
        words = [_in_words(d.feature, d.shift) for d in self.gauge.deviations[:3]]
        return (
            f"this scan is not like what was certified: no promise (p = {self.gauge.p_value:.2g}; "
            f"most deviant: {'; '.join(words)})"
        )

    def to_dict(self, classes: tuple[int, ...]) -> dict[str, Any]:
        """Return what ``summary.json`` says of it, as plain JSON."""
        gauge = None
        if self.gauge is not None:
            deviations = [
                {
                    "feature": d.feature,
                    "p_value": d.p_value,
                    "shift": d.shift,
                    "words": _in_words(d.feature, d.shift),
                }
                for d in self.gauge.deviations
            ]
            gauge = self.gauge.to_dict() | {"deviations": deviations}
        shift = None
        if self.shift is not None:
            of_class = ("shares", "low", "high", "bbse", "prior", "merged")
            shift = {name: value for name, value in self.shift.to_dict().items() if name not in of_class} | {
                "taken_as_one": [[classes[k] for k in one] for one in self.shift.merged],
                "space_groups": [
                    {"space_group": g}
                    | {name: _finite(getattr(self.shift, name)[k]) for name in of_class if name != "merged"}
                    for k, g in enumerate(classes)
                ],
            }
        return {
            "block_side": self.side,
            "blocks": int(self.blocks.max(initial=-1)) + 1,
            "recording": self.recording or None,
            "gauge": gauge,
            "mixture": shift,
        }


def check_scan(
    bundle: Bundle,
    rule: str,
    abstention: AbstentionRule,
    outputs: MemberOutputs,
    decision: Decision,
    scan: Scan,
) -> ScanCheck:
    """Compare a scan with the bundle's held-out patterns.

    Parameters
    ----------
    bundle
        With the calibration to be used for `rule`, perhaps among candidates.
    rule
        How the members are combined.
    abstention
        Says what is readable and familiar.
    outputs
        What the members say of the scan's points, as `decision` was made from.
    decision
        The decisions.
    scan
        For its grid, and its patterns where it is looked at them.
    """
    read = decision.status != Status.UNREADABLE
    values = np.where(read[:, None], decision.probabilities, np.nan)
    # The likeliest classes carry what there is of correlation; a hundred others would only cost memory.
    main = np.argsort(-np.nansum(values, axis=0))[:6] if read.any() else np.arange(1)
    blocks, side = independent_blocks(values[:, main], scan.row, scan.col)
    rng = np.random.default_rng(0)
    known = one_of_each_group(bundle.held_out.certification, rng)
    shift = _shift(bundle, rule, abstention, decision, blocks, known)
    gauge = _gauge(bundle, rule, outputs, decision, scan, blocks, known, shift)
    return ScanCheck(blocks, side, gauge, shift, recording_message(bundle, scan))


def _shift(
    bundle: Bundle,
    rule: str,
    abstention: AbstentionRule,
    decision: Decision,
    blocks: NDArray[np.intp],
    known: HeldOut,
) -> LabelShift | None:
    p = bundle.calibrated(known.outputs, rule)[1]
    judged = bundle.decide(known.outputs, rule=rule, abstention=abstention)
    own = np.isin(judged.status, (Status.SOLVED, Status.AMBIGUOUS))
    points = np.flatnonzero(np.isin(decision.status, (Status.SOLVED, Status.AMBIGUOUS)))
    if not len(points) or own.sum() < 2:
        return None
    if len(points) > MOST_POINTS:
        points = np.sort(np.random.default_rng(0).permutation(points)[:MOST_POINTS])
    return estimate_label_shift(
        p[own], known.labels[own], decision.probabilities[points], blocks=blocks[points]
    )


def _gauge(
    bundle: Bundle,
    rule: str,
    outputs: MemberOutputs,
    decision: Decision,
    scan: Scan,
    blocks: NDArray[np.intp],
    known: HeldOut,
    shift: LabelShift | None,
) -> Gauge | None:
    points = _one_of_each(np.flatnonzero(_read(decision)), blocks)
    if not len(points):
        return None
    theirs = bundle.decide(known.outputs, rule=rule)
    read = _read(theirs)
    own, new = output_features(known.outputs, theirs, read), output_features(outputs, decision, points)
    names = list(OUTPUT_FEATURES)
    looks = _looks(bundle, scan, points, known, read)
    try:
        if whole_scans(bundle.held_out):
            # Each held-out scan or crystal is one draw, and so is this one.
            known = bundle.held_out.certification
            units = crystal_features(known, bundle.decide(known.outputs, rule=rule))
            columns = [names.index(name) for name in WORSE]
            return rank_unit(
                units, np.median(new[:, columns], axis=0), list(WORSE), list(WORSE.values()), level=LEVEL
            )
        if looks is not None:
            own, new, names = np.hstack([own, looks[0]]), np.hstack([new, looks[1]]), [*names, *LOOKS]
        if shift is not None and np.isfinite(shift.shares).all():
            # Too few blocks for intervals of the mixture are enough for its estimate, which this test needs alone.
            weights = np.divide(
                shift.shares, shift.prior, out=np.zeros(len(shift.prior)), where=np.array(shift.prior) > 0
            )
            own = own[thinned(known.labels[read], weights, np.random.default_rng(2))]
        return compare_units(own, new, names, level=LEVEL)
    except InputError:
        # Numbers that are not finite: nothing can be compared.
        return None


def _read(decision: Decision) -> NDArray[np.bool_]:
    """Points that show one crystal, shape (N,)."""
    return np.asarray(~np.isin(decision.status, (Status.UNREADABLE, Status.MIXED)))


def output_features(outputs: MemberOutputs, decision: Decision, chosen: NDArray[Any]) -> NDArray[np.float64]:
    """Features of the members' outputs, columns as in `OUTPUT_FEATURES`."""
    return np.stack(
        [
            decision.confidence[chosen],
            decision.mutual_information[chosen],
            energy(np.asarray(outputs.logits[:, chosen])),
            np.asarray(outputs.unfamiliarity[chosen], dtype=np.float64),
            np.asarray(outputs.quality[chosen], dtype=np.float64),
        ],
        axis=1,
    )


def crystal_features(held_out: HeldOut, decision: Decision) -> NDArray[np.float64]:
    """Features of held-out crystals, one row each, columns as in `WORSE`.

    The median over a crystal's patterns, which were recorded one by one otherwise; of the noise, which the recording
    makes and a scan has one of, that of one pattern.
    """
    read = np.flatnonzero(_read(decision))
    columns = [list(OUTPUT_FEATURES).index(name) for name in WORSE]
    values = output_features(held_out.outputs, decision, read)[:, columns]
    order = np.random.default_rng(1).permutation(len(read))
    values, group = values[order], held_out.group[read][order]
    units, first = np.unique(group, return_index=True)
    found = np.array([np.median(values[group == unit], axis=0) for unit in units]).reshape(-1, len(WORSE))
    noise = list(WORSE).index("quality")
    found[:, noise] = values[first, noise]
    return found


def _looks(
    bundle: Bundle, scan: Scan, points: NDArray[np.intp], known: HeldOut, read: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the looks of held-out patterns and of the scan's, where the bundle keeps them."""
    if known.looks is None:
        return None
    preparation = bundle.preparation(bundle.members[0])
    prepared = prepare(scan.read(points), preparation, background_for(scan, preparation))
    return np.asarray(known.looks[read], dtype=np.float64), pattern_looks(prepared)


def _one_of_each(points: NDArray[np.intp], blocks: NDArray[np.intp]) -> NDArray[np.intp]:
    """One point of each block, at most `MOST_BLOCKS` of them."""
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(points)
    first = shuffled[np.unique(blocks[shuffled], return_index=True)[1]]
    return np.sort(rng.permutation(first)[:MOST_BLOCKS])


def whole_scans(held_out: HeldOut) -> bool:
    """Whether what was held out are whole materials, each one group: then a scan is one draw, not many."""
    pairs = np.unique(np.stack([held_out.material, held_out.group]), axis=1)
    return len(np.unique(pairs[0])) == pairs.shape[1]


def _in_words(feature: str, shift: float) -> str:
    higher, lower = (OUTPUT_FEATURES | LOOKS)[feature]
    return higher if shift >= 0 else lower


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
