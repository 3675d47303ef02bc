"""A bundle that answers by a faster engine or with fewer members, calibrated and certified as it then runs."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ensemble.abstention import Decision, Familiarity
from ensemble.early_exit import Cascade, Stopping, VoteStop, filled, stopped
from ensemble.errors import InputError
from kikuchi._support.archive import read_archive
from kikuchi._support.choices import Stop
from kikuchi._support.progress import SILENT, Progress
from kikuchi.bundle.among import among_candidates
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import fit_decision, member_weights
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, read_held_out
from kikuchi.bundle.strangers import gated_held_out
from kikuchi.inference.engine import MEASURED, STUDENTS
from kikuchi.inference.exports import Shelf, engines_for, read_shelf
from kikuchi.inference.matching_runner import MatchingRunner
from kikuchi.inference.runner import Runner
from kikuchi.inference.student import student_of
from kikuchi.matching.storage import load_matcher
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import (
    Scan,
    as_patterns,
    background_for,
    open_scan,
    recording_warnings,
    scan_from_array,
)

if TYPE_CHECKING:
    from sklearn.utils import Tags

#: What `map --stop` takes.
STOPS: tuple[str, ...] = get_args(Stop)

#: Rules whose members may be skipped; mc-dropout draws from every one.
WITHOUT_DRAWS = ("average", "geometric", "vote")

HELD_OUT = "held_out.npz"
UNFAMILIARITY = "strange.npz"
_REMEDY = "run `ensemble accelerate RUN DATASET` with the dataset of its fit"


@dataclass(frozen=True)
class Predictor(Bundle):
    """A bundle that answers: its members ready to run, by an engine and with an early stop.

    ``Predictor.load(folder)`` opens one; `answering` chooses the engine and the early stop.

    Attributes
    ----------
    stopping, variant
        Where `answering` chose another engine or fewer members: when to stop, and what to call that in a store.
    """

    stopping: Stopping | None = None
    variant: str = ""

    @classmethod
    def of(cls, run: str | Path | Bundle) -> "Predictor":
        """Return a bundle, or the one of a folder, as one that answers; a predictor as it is.

        Raises
        ------
        InputError
            As `Bundle.load`.
        """
        if isinstance(run, cls):
            return run
        if isinstance(run, Bundle):
            return cls(**{f.name: getattr(run, f.name) for f in fields(Bundle)})
        return cls.load(run)

    def member_outputs(
        self, patterns: np.ndarray, static_background: np.ndarray | None = None
    ) -> MemberOutputs:
        """Run every member on patterns as a detector gave them.

        Parameters
        ----------
        patterns
            (N, sy, sx), any dtype.
        static_background
            (sy, sx), where the recipe's preparation wants one.

        Raises
        ------
        InputError
            The patterns are no array of numbers of that shape.
        """
        patterns = as_patterns(patterns)
        if static_background is not None and np.shape(static_background) != patterns.shape[1:]:
            raise InputError(
                f"a static background of {np.shape(static_background)} for patterns of {patterns.shape[1:]}",
                remedy="give the background of the same detector and binning",
            )
        if not len(patterns):
            return MemberOutputs.empty(len(self.members), len(self.classes))
        runner = self.running(patterns=len(patterns))
        pieces = runner.pieces(slice(0, len(patterns)), patterns.shape[1:])
        outputs = MemberOutputs.join(
            list(runner.stream((patterns[piece] for piece in pieces), static_background))
        )
        outputs = self.gated(outputs)
        return outputs if self.candidates is None else self.candidates.narrow(outputs)

    def runner(self, engine: str = "auto", *, patterns: int = 0, progress: Progress = SILENT) -> Runner:
        """Return the members ready to run.

        Parameters
        ----------
        engine
            See `kikuchi.inference.CHOICES`.
        patterns
            How many there are to run, which ``"auto"`` weighs against the cost of an export.
        progress
            Hears what is exported, and why Keras is used where it was not asked for.
        """
        if engine in STUDENTS:
            return student_of(self, engine)
        if any(member.kind == "matcher" for member in self.members):
            raise InputError(
                "a matcher is no network for others to run",
                path=self.path,
                remedy="leave out --dask and --workers",
            )
        engines = engines_for(self, engine, patterns=patterns, progress=progress)
        return Runner(engines, self.members, self.recipe, self.familiarity, self.stopping)

    def running(
        self, engine: str = "auto", *, patterns: int = 0, progress: Progress = SILENT
    ) -> Runner | MatchingRunner:
        """Return the members ready to run in this process, a matcher among them; see `runner`."""
        if all(member.kind != "matcher" for member in self.members):
            return self.runner(engine, patterns=patterns, progress=progress)
        first, *others = self.members
        networks = None
        if others:
            alone = replace(self, members=tuple(others))
            engines = engines_for(alone, engine, patterns=patterns, progress=progress)
            f = self.familiarity
            beside = Familiarity(f.references[1:], f.scales[1:], f.k)
            networks = Runner(engines, alone.members, self.recipe, beside)
        matcher = load_matcher(self.path / "members" / first.name)
        return MatchingRunner(matcher, networks, self.recipe.combine.draws)

    def among(
        self, names: str | Sequence[str | int], *, rule: str | None = None, recipe: Recipe | None = None
    ) -> "Predictor":
        """Return the bundle as it answers among some of its classes, calibrated and certified for them anew.

        Parameters
        ----------
        names
            Space groups (``"225,229"``) or materials of the bundle (``"Ni,Ni3Al"``), two groups or more.
        rule
            How the members are combined; the bundle's own where None. The result knows no other.
        recipe
            Says risk, confidence and familiar share; the bundle's own where None.
        """
        return among_candidates(self, names, self.check_rule(rule), recipe or self.recipe)

    @property
    def classes_(self) -> np.ndarray:
        """Labels of the columns of `predict_proba`, shape (K,): space groups, or phases by name."""
        return np.array([phase.name for phase in self.phases] if self.phases else self.classes)

    def __sklearn_tags__(self) -> "Tags":
        """Tell scikit-learn's scorers and displays, and who builds on them, that this is a fitted classifier."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=False, three_d_array=True),
            requires_fit=False,
        )

    def predict(
        self,
        patterns: Any,
        static_background: np.ndarray | Literal[False] | None = None,
        *,
        rule: str | None = None,
    ) -> np.ndarray:
        """Return the first choice for each pattern, also where `map` would abstain.

        Parameters
        ----------
        patterns, static_background, rule
            As for `predict_proba`.

        Returns
        -------
        numpy.ndarray
            Labels of `classes_`, shape (N,); 0, or an empty name, for unreadable patterns.
        """
        p = self._probabilities(patterns, static_background, rule)
        none = np.zeros(1, self.classes_.dtype)
        readable = np.isfinite(p).all(axis=1)
        return np.append(self.classes_, none)[np.where(readable, np.nan_to_num(p).argmax(axis=1), -1)]

    def predict_proba(
        self,
        patterns: Any,
        static_background: np.ndarray | Literal[False] | None = None,
        *,
        rule: str | None = None,
    ) -> np.ndarray:
        """Return calibrated probabilities of the space groups, as `map` would.

        Parameters
        ----------
        patterns
            (N, sy, sx) as a detector gave them, any size and dtype; or anything that `kikuchi.open_scan` opens: a
            scan, a file, a kikuchipy signal, whose points then come row by row.
        static_background
            The detector's background (sy, sx), where patterns are an array; a kikuchipy signal has it as
            ``static_background``, a scan by itself. False says that there is none; where it is left out, a warning
            says that none was taken off.
        rule
            Another than the bundle's own.

        Returns
        -------
        numpy.ndarray
            (N, K), columns as in `classes`; NaN for patterns that `map` calls unreadable (constant, noise, too many
            pixels missing or saturated). Patterns that look inverted or overexposed are warned of, as by `map`.

        Raises
        ------
        InputError
            The patterns are no array of numbers of that shape.
        """
        return self._probabilities(patterns, static_background, rule)

    def _probabilities(
        self, patterns: Any, static_background: np.ndarray | Literal[False] | None, rule: str | None
    ) -> np.ndarray:
        """Return what `predict_proba` does; what it warns of is the line that called that, or `predict`."""
        preparation = self.preparation(self.members[0])
        if not isinstance(patterns, Scan | np.ndarray | list):
            patterns = open_scan(patterns)
        if not isinstance(patterns, Scan):
            if static_background is None and preparation.static_background == "auto":
                warnings.warn(
                    "no static background is given, so that none is taken off; a scan in a file may have one: "
                    "static_background=False says that there is none",
                    stacklevel=3,
                )
            given = None if static_background is False else static_background
            patterns = scan_from_array(as_patterns(patterns), static_background=given)
        if patterns.n:
            for text in recording_warnings(patterns):
                warnings.warn(text, stacklevel=3)
        background = background_for(patterns, preparation) if patterns.n else None
        outputs = self.member_outputs(patterns.read(slice(None)), background)
        probabilities = self.calibrated(outputs, rule)[1]
        threshold = self.abstentions[self.check_rule(rule)].quality_threshold
        readable = outputs.quality > threshold
        readable[list(patterns.problems)] = False
        return np.where(readable[:, None], probabilities, np.nan)


def answering(bundle: Predictor, engine: str, stop: str, rule: str) -> Predictor:
    """Return the bundle as it answers by an engine and with an early stop.

    Its held-out outputs are those of that engine, stopped the same way; its calibration, its thresholds and its
    certificate are fitted to them. So the promise is about what runs.

    Parameters
    ----------
    bundle
        As it was fitted.
    engine
        See `kikuchi.inference.CHOICES`.
    stop
        ``"never"`` runs every member; ``"exact"`` spares those that cannot change the winner of a vote;
        ``"cascade"`` those that held-out patterns hardly ever needed.
    rule
        How the members are combined.

    Raises
    ------
    InputError
        The engine or the early stop was not prepared by `ensemble accelerate`, or does not go with the rule.
    """
    if stop not in STOPS:
        raise InputError(f"unknown stop {stop!r}", remedy=f"one of {', '.join(STOPS)}")
    if stop == "never" and engine not in MEASURED:
        return bundle
    if engine in STUDENTS and (stop != "never" or rule not in WITHOUT_DRAWS):
        raise InputError(
            "a student answers at once and has no draws",
            remedy=f"--stop never, --rule {', '.join(WITHOUT_DRAWS)}",
        )
    if stop == "exact" and rule != "vote":
        raise InputError(f"an exact early stop needs the rule vote, not {rule}", remedy="--rule vote")
    if stop == "cascade" and rule not in WITHOUT_DRAWS:
        raise InputError(f"no cascade for {rule}", remedy=f"--rule {', '.join(WITHOUT_DRAWS)}")
    kind = engine if engine in MEASURED else "onnx"
    shelf = read_shelf(bundle, kind)
    if shelf is None or HELD_OUT not in shelf.manifest["files"]:
        raise InputError(f"no {kind} engine with its calibration here", path=bundle.path, remedy=_REMEDY)
    stopping = _stopping(shelf, bundle, stop, rule)
    # Gates were weighed with what all members say.
    gates = (None, None) if engine in STUDENTS or stopping is not None else (bundle.gate, bundle.mixed)
    held_out = gated_held_out(_held_out(shelf, stopping), *gates)
    calibration, abstention = fit_decision(
        held_out, rule, bundle.recipe, bundle.classes, names=bundle.class_names
    )
    return replace(
        bundle,
        calibrations=bundle.calibrations | {rule: calibration},
        abstentions=bundle.abstentions | {rule: abstention},
        stopping=stopping,
        variant=f"+{kind}" + ("" if stop == "never" else f"+{stop}-{rule}"),
        own_held_out=held_out,
        gate=gates[0],
        mixed=gates[1],
    )


def check_new(bundle: Bundle, engine: str, scan: Scan) -> None:
    """Refuse a scan that a student learned from: it is surer of it than of the patterns that calibrate it.

    Raises
    ------
    InputError
        It is one.
    """
    shelf = read_shelf(bundle, engine) if engine in STUDENTS else None
    if shelf is not None and scan.fingerprint() in shelf.manifest.get("learned_from", {}).get("scans", []):
        raise InputError(
            "the student learned from this scan, so that no promise holds for it",
            path=scan.path,
            remedy="map it with the members, --engine auto",
        )


def with_filled_logits(outputs: MemberOutputs) -> MemberOutputs:
    """Let the members that ran speak for those that were skipped, see `ensemble.early_exit.filled`."""
    return replace(outputs, logits=filled(outputs.logits))


def without_skipped_votes(decision: Decision, outputs: MemberOutputs) -> Decision:
    """Take the votes of members that did not run out of a decision: -1, as for a member that did not answer."""
    ran = ~np.isnan(np.asarray(outputs.logits)).any(axis=-1)
    return replace(decision, votes=np.where(ran, decision.votes, -1).astype(decision.votes.dtype))


def _stopping(shelf: Shelf, bundle: Bundle, stop: str, rule: str) -> Stopping | None:
    if stop == "never":
        return None
    if stop == "cascade":
        return Cascade.from_dict(shelf.manifest["cascades"][rule])
    weights = member_weights(bundle.held_out, bundle.recipe)
    return VoteStop(tuple(shelf.manifest["order"]), None if weights is None else tuple(weights.tolist()))


def _held_out(shelf: Shelf, stopping: Stopping | None) -> HeldOut:
    """Return the engine's held-out outputs as a stopped run would have left them."""
    held_out = read_held_out(shelf.folder / HELD_OUT)
    if stopping is None:
        return held_out
    by_member = read_archive(shelf.folder / UNFAMILIARITY, remedy=_REMEDY)["strange"]
    logits = stopped(held_out.outputs.logits, stopping)
    ran = ~np.isnan(logits).any(axis=-1)
    outputs = replace(
        held_out.outputs,
        logits=filled(logits),
        unfamiliarity=np.where(ran, by_member, 0).sum(axis=0) / np.maximum(ran.sum(axis=0), 1),
    )
    return replace(held_out, outputs=outputs)
