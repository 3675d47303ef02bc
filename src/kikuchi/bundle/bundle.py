"""The bundle: the folder `fit` writes, with all that `map` needs. Nothing in it is run on load."""

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from ensemble.abstention import AbstentionRule, Decision, Familiarity, decide, with_mixed
from ensemble.abstention.strangers import StrangerGate
from ensemble.calibration import Calibration
from ensemble.choices import Rule
from ensemble.errors import InputError
from ensemble.pooling import Combined, DropoutDraws, combine
from kikuchi._support import atomic
from kikuchi._support.archive import read_archive
from kikuchi._support.links import refuse_links
from kikuchi.bundle.candidates import Candidates
from kikuchi.bundle.decision import class_names, member_weights
from kikuchi.bundle.mixed import MIXED, mixed_words
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, read_held_out
from kikuchi.bundle.strangers import GATE, gate_words, gated, gated_held_out
from kikuchi.crystallography.named_phase import NamedPhase
from kikuchi.members import MemberSpec, load_member, read_spec
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Preparation
from kikuchi.scans.independence import SHARES_GRAINS

if TYPE_CHECKING:
    import keras

#: 2 keeps patterns whose logits can be computed again; 3 how held-out patterns look and promises class by class, and
#: may have classes that are phases by name, and a matcher. Older bundles open as they are.
VERSION = 3
VERSION_OF_PHASES = 3
_READABLE = (1, 2, 3)
#: Name of the ensemble that comes with the package: the ten space groups of m-3m, trained on simulated crystals.
SHIPPED = "shipped"
SHIPPED_FOLDER = Path(__file__).parent / "data" / "shipped"

#: Said beside every promise of a bundle that no recorded pattern certified.
SIMULATED_ALONE = (
    "fitted and certified on simulated patterns alone: of recorded ones more answers may be wrong"
)

MANIFEST = "bundle.json"
CALIBRATION = "calibration.json"
ABSTENTION = "abstention.json"
FEATURES = "features.npz"
HELD_OUT = "held_out.npz"
_DAMAGED = "copy the bundle again or refit it"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Bundle:
    """A fitted ensemble.

    Attributes
    ----------
    path
        Its folder.
    manifest
        What ``bundle.json`` holds.
    recipe
        What it was fitted by.
    members
        Specs of the M members, in order.
    calibrations, abstentions
        By rule; `rule` is the one the bundle answers with unless another is given.
    rule
        ``"vote"``, ``"average"``, ``"geometric"`` or ``"mc-dropout"``.
    familiarity
        What unfamiliarity is measured against.
    own_held_out
        The members' outputs for the held-out patterns where the bundle answers another way than it was fitted to.
    gate
        Where strangers were at hand: what turns distances to training features, and what members say, into
        unfamiliarity, see `gated`.
    mixed
        Where overlaps of two classes can be told: the gate that flags them, see `kikuchi.bundle.mixed`.
    candidates
        Where the user named classes, see `kikuchi.bundle.among`: the bundle then has these classes only.
    """

    path: Path
    manifest: dict[str, Any]
    recipe: Recipe
    members: tuple[MemberSpec, ...]
    rule: str
    calibrations: dict[str, Calibration]
    abstentions: dict[str, AbstentionRule]
    familiarity: Familiarity
    own_held_out: HeldOut | None = None
    gate: StrangerGate | None = None
    mixed: StrangerGate | None = None
    candidates: Candidates | None = None
    _models: dict[str, "keras.Model"] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open a bundle and check every file in it against its SHA-256.

        Parameters
        ----------
        path
            Its folder, or the word ``"shipped"`` for the ensemble that comes with the package; ``"./shipped"`` is
            always a folder.

        Raises
        ------
        InputError
            The word means two things here, as a bundle lies in a folder of that name; or there is no bundle, it is
            unfinished or of a newer format, or a file is missing or altered.
        """
        folder = _folder_of(path)
        if not (folder / MANIFEST).is_file():
            unfinished = (folder / "fit.json").is_file()
            raise InputError(
                "an unfinished fit" if unfinished else "no bundle here",
                path=folder,
                remedy="run the same `ensemble fit` again, it goes on"
                if unfinished
                else "give a folder that `ensemble fit` wrote",
            )
        if folder != SHIPPED_FOLDER:  # installers may link what they install
            refuse_links(
                folder, remedy="copy the bundle with its files in place of the links, as `cp -rL` does"
            )
        manifest = atomic.read_json(folder / MANIFEST, remedy=_DAMAGED)
        _check_manifest(manifest, folder)
        try:
            recipe = Recipe.model_validate(_as_meant(manifest["recipe"]))
            abstention = atomic.read_json(folder / ABSTENTION, remedy=_DAMAGED)
            calibration = atomic.read_json(folder / CALIBRATION, remedy=_DAMAGED)
            members = tuple(read_spec(folder / "members" / name) for name in manifest["members"])
            familiarity = Familiarity.from_arrays(read_archive(folder / FEATURES, remedy=_DAMAGED))
            bundle = cls(
                path=folder,
                manifest=manifest,
                recipe=recipe,
                members=members,
                rule=str(manifest["rule"]),
                calibrations={r: Calibration.from_dict(d) for r, d in calibration.items()},
                abstentions={r: AbstentionRule.from_dict(d) for r, d in abstention.items()},
                familiarity=familiarity,
                gate=_gate(folder, GATE, manifest),
                mixed=_gate(folder, MIXED, manifest),
            )
            bundle._try_to_answer()
            return bundle
        except InputError as error:
            raise InputError(
                error.what, path=error.path or folder, remedy=error.remedy or _DAMAGED
            ) from error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, OSError) as error:
            raise InputError(f"not a complete bundle: {error}", path=folder, remedy=_DAMAGED) from error

    def _try_to_answer(self) -> None:
        """Decide on one made-up pattern by every rule: hashes vouch for the files, not for what they say."""
        m, k = len(self.members), len(self.classes)
        if any(type(c) is not int or not 1 <= c <= 230 for c in self.classes) or k < 2:
            raise ValueError(f"space groups {self.classes}")
        if self.phases and tuple(phase.space_group for phase in self.phases) != self.classes:
            raise ValueError(f"phases {self.phases} of classes {self.classes}")
        if self.rule not in self.calibrations or set(self.calibrations) != set(self.abstentions):
            raise ValueError(f"rules {sorted(self.calibrations)}, {sorted(self.abstentions)}, {self.rule!r}")
        self.familiarity.score([np.ones((1, r.shape[1])) for r in self.familiarity.references])
        even = np.full((m, 1, k), 1 / k, np.float32)
        draws = DropoutDraws(even, np.zeros((m, 1), np.float32), np.ones((m, 1, k), np.uint16))
        for rule, calibration in self.calibrations.items():
            combined = combine(np.zeros((m, 1, k), np.float32), rule, draws=draws)
            probabilities = calibration.apply(combined.probabilities)
            decide(
                combined, probabilities, self.abstentions[rule], unfamiliarity=np.ones(1), quality=np.ones(1)
            )

    @property
    def classes(self) -> tuple[int, ...]:
        """Space-group numbers of the K classes: ascending, or of `phases` in the user's order."""
        return tuple(self.manifest["classes"])

    @cached_property
    def phases(self) -> tuple[NamedPhase, ...]:
        """The classes as phases by the user's names, where the bundle was adapted to named phases; else empty."""
        return tuple(NamedPhase.from_dict(phase) for phase in self.manifest.get("phases", []))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes for people: the phase by its name, or the space group and its materials where they are few."""
        if self.phases:
            return tuple(phase.name for phase in self.phases)
        return class_names(self.classes, self.manifest["materials"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the manifest, which itself holds the SHA-256 of every other file."""
        return atomic.sha256(self.path / MANIFEST)

    @property
    def simulated_alone(self) -> bool:
        """Whether no recorded pattern fitted, calibrated or certified it; False where its manifest does not say."""
        record = [material.get("simulated") is True for material in self.manifest["materials"]]
        return self.path == SHIPPED_FOLDER or "adapted" in self.manifest or (bool(record) and all(record))

    @property
    def shared_grains(self) -> str:
        """Warning for the reports of a bundle whose parts share grains; empty where they do not."""
        return f"the bundle's {SHARES_GRAINS}" if self.manifest.get("shares_grains") else ""

    def model(self, name: str) -> "keras.Model":
        """Return a member's network, built and filled once."""
        if name not in self._models:
            self._models[name] = load_member(self.path / "members" / name)[0]
        return self._models[name]

    def preparation(self, member: MemberSpec) -> Preparation:
        """Return how patterns are prepared for a member: the same in `fit` and in `map`."""
        return self.recipe.preparation(member.size)

    def calibrated(self, outputs: MemberOutputs, rule: str | None = None) -> tuple[Combined, np.ndarray]:
        """Combine the members by a rule and calibrate the pool.

        Returns
        -------
        combined, probabilities
            The pool with its uncertainties before calibration, and the calibrated (N, K).
        """
        rule = self.check_rule(rule)
        combined = self.combined(outputs, rule)
        return combined, self.calibrations[rule].apply(combined.probabilities)

    def combined(self, outputs: MemberOutputs, rule: str) -> Combined:
        """Combine the members by a rule, weighted where the recipe says so; not calibrated yet."""
        weights = member_weights(self.held_out, self.recipe) if len(outputs.logits) > 1 else None
        return combine(outputs.logits, rule, weights=weights, draws=outputs.draws)

    def decide(
        self, outputs: MemberOutputs, *, rule: str | None = None, abstention: AbstentionRule | None = None
    ) -> Decision:
        """Answer, or say why not, for patterns whose member outputs are known.

        Parameters
        ----------
        outputs
            As `member_outputs` or a logits store gives them.
        rule
            Another than the bundle's own.
        abstention
            Another than the one fitted with the rule, e.g. from `kikuchi.bundle.decision.fit_decision`.
        """
        rule = self.check_rule(rule)
        combined, probabilities = self.calibrated(outputs, rule)
        unfamiliarity, mixed = outputs.unfamiliarity, outputs.mixed
        if mixed is not None:
            unfamiliarity = np.where(mixed, 1.0, unfamiliarity)
        decision = decide(
            combined,
            probabilities,
            abstention or self.abstentions[rule],
            unfamiliarity=unfamiliarity,
            quality=outputs.quality,
        )
        if mixed is None or not mixed.any():
            return decision
        decision = replace(decision, unfamiliarity=np.where(mixed, np.nan, decision.unfamiliarity))
        return with_mixed(decision, mixed, np.argsort(-probabilities, axis=1, kind="stable")[:, 1])

    def promised(self, abstention: AbstentionRule) -> AbstentionRule:
        """Return a rule as far as its promise holds, with what it does not cover in its message.

        None holds where simulators disagree about the phases.
        """
        certificate = abstention.certificate
        doubts = self.manifest.get("adapted", {}).get("separability", {}).get("doubts", [])
        if self.manifest.get("withheld"):
            doubts = [*doubts, str(self.manifest["withheld"])]
        if doubts:
            certificate = replace(certificate, certified=False, certified_risk=1.0, message="; ".join(doubts))
        elif (
            self.simulated_alone
            and certificate.certified_risk < 1
            and SIMULATED_ALONE not in certificate.message
        ):
            certificate = replace(certificate, message=f"{certificate.message}; {SIMULATED_ALONE}")
        return replace(abstention, certificate=certificate)

    def check_rule(self, rule: str | None) -> Rule:
        """Return the rule to use; an `InputError` for one this bundle was not calibrated for."""
        if rule is not None and rule not in self.calibrations:
            raise InputError(f"unknown rule {rule!r}", remedy=f"one of {', '.join(self.calibrations)}")
        return cast(Rule, rule or self.rule)

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest, ``bundle.json``, as plain data."""
        return dict(self.manifest)

    def summary(self) -> str:
        """Return classes, members, rule and guarantee, a line each."""
        calibration = self.calibrations[self.rule]
        gained = ""
        if "log_loss_after" in calibration.report:
            before, after = (calibration.report[f"log_loss_{when}"] for when in ("before", "after"))
            gained = f" (log-loss {before:.3f} -> {after:.3f})"
        classes = f"space groups: {', '.join(map(str, self.classes))}"
        if self.phases:
            classes = "phases: " + ", ".join(f"{p.name} ({p.space_group})" for p in self.phases)
        return "\n".join(
            [
                f"bundle {self.path}",
                classes,
                f"members: {', '.join(m.name for m in self.members)}",
                f"patterns: {', '.join(f'{n} {name}' for name, n in self.manifest['splits'].items())}",
                f"rule: {self.rule}, calibration: {calibration.method}{gained}",
                f"promise: {self.promised(self.abstentions[self.rule]).certificate.message}",
                *([gate_words(self.manifest["strangers"])] if "strangers" in self.manifest else []),
                *([mixed_words(self.manifest["mixed"])] if "mixed" in self.manifest else []),
            ]
        )

    @cached_property
    def held_out(self) -> HeldOut:
        """All outputs of the members for the held-out patterns, with the truth."""
        return self.own_held_out or gated_held_out(read_held_out(self.path / HELD_OUT), self.gate, self.mixed)

    def gated(self, outputs: MemberOutputs) -> MemberOutputs:
        """Return members' outputs as they ran, or as a store has them, with the unfamiliarity that is decided by."""
        return gated(outputs, self.gate, self.mixed)


def _gate(folder: Path, name: str, manifest: dict[str, Any]) -> StrangerGate | None:
    if name not in manifest["files"]:
        return None
    return StrangerGate.from_dict(atomic.read_json(folder / name, remedy=_DAMAGED))


def _check_manifest(manifest: Any, folder: Path) -> None:
    """Refuse what is not a bundle of this format, reaches outside its folder, or was altered."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise InputError("not a bundle", path=folder / MANIFEST, remedy=_DAMAGED)
    version = manifest.get("format_version")
    if version not in _READABLE:
        raise InputError(
            f"bundle of format {version!r}, this version reads up to {VERSION_OF_PHASES}",
            path=folder,
            remedy="install the version that wrote it, or refit",
        )
    members = manifest.get("members")
    if not isinstance(members, list) or not all(isinstance(m, str) and _NAME.fullmatch(m) for m in members):
        raise InputError("a member's name is not allowed", path=folder / MANIFEST, remedy=_DAMAGED)
    needed = {CALIBRATION, ABSTENTION, FEATURES, HELD_OUT}
    needed |= {f"members/{m}/member.json" for m in members}
    # What a matcher knows lies in an archive of its own.
    matchers = {m for m in members if f"members/{m}/matcher.npz" in manifest["files"]}
    needed |= {f"members/{m}/member.weights.h5" for m in members if m not in matchers}
    missing = sorted(needed - set(manifest["files"]))
    if missing:
        raise InputError("not in the bundle's list of files", path=folder / missing[0], remedy=_DAMAGED)
    for name, digest in manifest["files"].items():
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\\" in name or ":" in name:
            raise InputError(f"the file {name!r} lies outside the bundle", path=folder, remedy=_DAMAGED)
        file = folder / relative
        if not file.is_file():
            raise InputError("missing from the bundle", path=file, remedy=_DAMAGED)
        if atomic.sha256(file) != digest:
            raise InputError("altered since the bundle was written", path=file, remedy=_DAMAGED)


def _as_meant(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe of a bundle as it was read when it was written: without a unit, single patterns were split."""
    split = recipe.get("split", {})
    return recipe | {"split": {"unit": "pattern"} | split} if isinstance(split, dict) else recipe


def _folder_of(path: str | Path) -> Path:
    """Tell the word for the packaged bundle from a folder of that name."""
    here = (Path(SHIPPED) / MANIFEST).is_file()
    if isinstance(path, Path):  # "./" is lost in it: the folder where there is one
        return SHIPPED_FOLDER if path == Path(SHIPPED) and not here else path
    if path != SHIPPED:
        return Path(path)
    if here:
        raise InputError(
            "is the name of the packaged bundle, and a folder with a bundle here",
            path=SHIPPED,
            remedy="write ./shipped for the folder; for the packaged one, work in another folder",
        )
    return SHIPPED_FOLDER
