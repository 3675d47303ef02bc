"""The workflow of `adapt`: a scan and the phases that may be in it become a bundle, and nothing is labelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import Familiarity
from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress
from kikuchi.bundle import bundle as bundles
from kikuchi.bundle.background import BACKGROUND, choose_background, write_background
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.checks import CHECKS, write_simulated_checks
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, Part
from kikuchi.bundle.simulators import PARTS, simulator_record
from kikuchi.bundle.write import finish
from kikuchi.inference.matching_runner import MatchingRunner
from kikuchi.inference.predictor import Predictor
from kikuchi.matching.matcher import Matches, fit_evidence
from kikuchi.matching.overlap import second_crystal
from kikuchi.matching.phases import SIMULATORS, Candidate, candidates
from kikuchi.matching.separability import Separability, separability
from kikuchi.matching.storage import MatcherMember, save_matcher
from kikuchi.matching.survey import EXPLAINED_LEAST, Survey
from kikuchi.matching.telling_planes import telling_planes
from kikuchi.matching.texture import Texture, texture_of
from kikuchi.members import MemberSpec
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Scan, open_scan, prepare
from kikuchi.simulate import MasterPattern
from kikuchi.simulate.masters.simulator_names import BLOCH_WAVES
from kikuchi.training.adapted import adapted_networks
from kikuchi.workflows.adapt_voltage import survey_at, survey_at_best_voltage

#: Held-out simulations of each phase.
HELD_OUT_EACH = 600

#: Where fewer of the patterns looked at are explained by any phase, none of them is in the scan.
_FITS = 0.1

_CHUNK = 128

#: Simulations of one crystal that say which share of a second one noise alone makes, and the least that counts.
_PURE = 300
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class _Simulated:
    """Textures of every phase by every simulator that there is, S lists of K."""

    names: tuple[str, ...]
    textures: tuple[tuple[Texture, ...], ...]


def adapt(
    scan: str | Path | Scan,
    phases: Sequence[str | Path],
    out: str | Path = "adapted",
    *,
    members: int = 0,
    voltage_kv: float | None = None,
    shape: tuple[int, int] | None = None,
    scan_name: str | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Predictor:
    """Adapt to a scan whose phases are known by name: its geometry, a matcher, and networks beside it.

    Parameters
    ----------
    scan
        Anything `kikuchi.scans.open_scan` opens, or a scan.
    phases
        Two or more: CIFs, structure files, master patterns, or names of structures that ship.
    out
        Folder of the bundle. An interrupted run of the same scan, phases and seed goes on there.
    members
        Networks beside the matcher, fine-tuned on simulations of the phases as this scan records them.
    voltage_kv
        Accelerating voltage; the scan's own where None, and where that says none the one of 10, 15, 20 and 30 kV at
        which the phases explain the patterns best.
    shape, scan_name
        Rows and columns of the grid, and which scan of several in a file, as for `kikuchi.scans.open_scan`.
    seed
        Of everything that is drawn.
    progress
        Listener of the work.

    Returns
    -------
    Predictor
        For this scan and others of the same microscope at the same settings.

    Raises
    ------
    InputError
        The scan or a phase cannot be read, two phases are one, nobody gave the voltage and which phase fits depends on
        it, too few patterns are readable, or no phase fits them. Nothing is written then.
    """
    opened = open_scan(scan, shape, scan_name)
    named = candidates(phases)
    voltage = voltage_kv if voltage_kv is not None else opened.voltage_kv
    folder = Path(out)
    wanted: dict[str, Any] = {
        "scan": opened.fingerprint(),
        "phases": [phase.to_dict() for phase in named],
        "voltage_kv": None if voltage is None else float(voltage),
        "members": members,
        "seed": seed,
    }
    if _finished(folder, wanted):
        progress.say(f"{folder} is already adapted")
        return Predictor.load(folder)
    if voltage is None:
        looked = survey_at_best_voltage(opened, named, progress.say)
    else:
        looked = survey_at(opened, named, float(voltage), progress.say)
    masters, textures = list(looked.masters), looked.textures
    seen, fit = _checked(looked.seen, opened, named, progress)
    source = "given" if voltage_kv is not None else "patterns" if voltage is None else "file"
    fit |= {"voltage_kv": looked.voltage_kv, "voltage_from": source}
    with locked(folder):
        atomic.write_json(folder / "fit.json", wanted)
        simulated = _by_every_simulator(named, textures, looked.voltage_kv)
        return Predictor.of(
            _written(folder, opened, named, masters, seen, fit, simulated, members, seed, progress)
        )


def _finished(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether the bundle is there; an error where something else is."""
    there = folder / "fit.json"
    if there.is_file():
        if atomic.read_json(there, remedy="give another --out") != wanted:
            raise InputError("holds another fit", path=folder, remedy="give another --out")
        return (folder / bundles.MANIFEST).is_file()
    if folder.is_dir() and any(p.name != ".lock" for p in folder.iterdir()):
        raise InputError("the folder is not empty", path=folder, remedy="give another --out")
    return False


def _checked(
    seen: Survey, scan: Scan, named: Sequence[Candidate], progress: Progress
) -> tuple[Survey, dict[str, Any]]:
    """Say how well the phases fit, and refuse a scan that none of them fits."""
    explained = seen.explained
    good = explained >= EXPLAINED_LEAST
    shares = np.bincount(seen.fit.phase[good], minlength=len(named))
    x, y, z = seen.fit.plane.middle
    progress.say(
        f"pattern centre ({x:.3f}, {y:.3f}, {z:.3f}) from {len(explained)} patterns, begun from the "
        f"{seen.centre_from}; background: {seen.background_from}"
    )
    listed = ", ".join(phase.name for phase in named)
    if good.mean() < _FITS:
        raise InputError(
            f"none of {listed} fits: they explain {np.median(explained):.0%} of what its patterns show, and right "
            f"phases explain {EXPLAINED_LEAST:.0%} and more",
            path=scan.path,
            remedy="name other phases, or check the voltage (--kv) and that patterns are not flipped",
        )
    for phase, count in zip(named, shares, strict=True):
        if not count:
            progress.say(f"note: {phase.name} fits none of the {len(explained)} patterns looked at best")
    lookalike = replace(seen.lookalike, scores=np.clip(seen.fit.scores[good], 0.1, 0.95))
    fit = {
        "pattern_centre": seen.fit.plane.middle.tolist(),
        "pattern_centre_slope": seen.fit.plane.slope.tolist(),
        "pattern_centre_from": seen.centre_from,
        "background": seen.background_from,
        "patterns": len(explained),
        "explained_median": float(np.median(explained)),
        "explained_share": float(good.mean()),
        "best_phase": {phase.name: int(count) for phase, count in zip(named, shares, strict=True)},
        "contrast": seen.lookalike.contrast,
    }
    return replace(seen, lookalike=lookalike), fit


def _by_every_simulator(
    named: Sequence[Candidate], textures: tuple[Texture, ...], voltage_kv: float
) -> _Simulated:
    """Simulate the phases by every simulator; those known by a master pattern alone have one."""
    names, made = ["usual"], [textures]
    if all(phase.structure is not None for phase in named):
        for name in SIMULATORS:
            if name != "usual":
                names.append(name)
                made.append(tuple(texture_of(phase.simulated(voltage_kv, name)) for phase in named))
    return _Simulated(tuple(names), tuple(made))


def _written(
    folder: Path,
    scan: Scan,
    named: Sequence[Candidate],
    masters: list[MasterPattern],
    seen: Survey,
    fit: dict[str, Any],
    simulated: _Simulated,
    members: int,
    seed: int,
    progress: Progress,
) -> Bundle:
    rng = np.random.default_rng([seed, 7])
    k, s = len(named), len(simulated.names)
    each = HELD_OUT_EACH // s
    labels = np.tile(np.repeat(np.arange(k), each), s)
    which = np.repeat(np.arange(s), k * each)
    drawn = [
        seen.lookalike.patterns(textures, labels[which == i], rng, flat=True)
        for i, textures in enumerate(simulated.textures)
    ]
    flat = np.concatenate([patterns for patterns, _ in drawn])
    place = np.concatenate([places for _, places in drawn])
    found = _matched(seen, flat, place, progress)
    part = rng.permutation(np.arange(len(labels)) % 5)
    part = np.select([part < 2, part < 4], [Part.CALIBRATION, Part.CERTIFICATION], Part.TEST).astype(np.int8)
    first = part == Part.CALIBRATION
    evidence = fit_evidence(found.scores[first], labels[first], seen.matcher.spectrum.size)
    logits = evidence.logits(found.scores, seen.matcher.spectrum.size)
    separable = separability(logits, labels, which, [p.name for p in named], simulated.names, seed)
    for line in (*separable.lines(), *_planes(named)):
        progress.say(line)
    fit = fit | {"overlap": _overlap(seen, flat, place, found, rng)}
    spec = MemberSpec("matcher-1", "matcher", "matching", min(seen.matcher.spectrum.shape), k, 0.0, seed)
    place_of = folder / "members" / spec.name
    save_matcher(place_of, MatcherMember(seen.matcher, evidence, seen.background), masters)
    atomic.write_json(place_of / "member.json", spec.to_dict())
    recipe = _recipe(members)
    recorded = flat if seen.background_from == "file" else flat * seen.lookalike.background
    networks = adapted_networks(
        folder, recipe, seen.lookalike, simulated.textures, flat=seen.background_from == "file",
        validation=(recorded[first], labels[first]), seed=seed, progress=progress,
    )  # fmt: skip
    runner = MatchingRunner(
        MatcherMember(seen.matcher, evidence, None), networks.runner, recipe.combine.draws
    )
    outputs = MemberOutputs.join(
        [runner.outputs_of(_some(found, p), evidence, recorded[p]) for p in _parts(len(labels))]
    )
    held_out = HeldOut(outputs, labels, labels, part, np.arange(len(labels)))
    write_simulated_checks(folder / CHECKS, held_out, flat, recorded, place)
    prepared = {m.size: prepare(recorded, recipe.preparation(m.size)) for m in (spec, *networks.specs)}
    write_background(folder / BACKGROUND, choose_background(prepared, labels, recipe.keep.background, seed))
    return finish(
        folder,
        recipe,
        (spec, *networks.specs),
        _familiarity(networks.familiarity),
        held_out,
        _facts(scan, named, masters, fit, separable, part, members > 0, seed),
        progress,
    )


def _matched(seen: Survey, patterns: np.ndarray, place: np.ndarray, progress: Progress) -> Matches:
    """Match held-out simulations, by all cores."""
    from kikuchi._support.threads import in_order

    _ = seen.matcher.warm
    found: list[Matches] = []
    with progress.bar("held-out simulations", len(patterns)) as step:
        for one in in_order(lambda p: seen.matcher.match(patterns[p], place[p]), _parts(len(patterns))):
            found.append(one)
            step(len(one.ceiling))
    return Matches(
        np.concatenate([f.scores for f in found]),
        np.concatenate([f.rotations for f in found]),
        np.concatenate([f.ceiling for f in found]),
    )


def _planes(named: Sequence[Candidate]) -> list[str]:
    """Say which planes carry the difference of every two phases whose structures are known."""
    lines = []
    for i, one in enumerate(named):
        for other in named[:i]:
            if one.structure is None or other.structure is None:
                continue
            for a, b in ((one, other), (other, one)):
                found = telling_planes(a.structure, b.structure)  # type: ignore[arg-type]
                if found:
                    lines.append(f"  planes of {a.name} beyond {b.name}: {', '.join(map(str, found))}")
    return lines


def _overlap(
    seen: Survey, flat: np.ndarray, place: np.ndarray, found: Matches, rng: np.random.Generator
) -> dict[str, Any]:
    """Find from which share on a second phase is none that noise makes: 99 % of patterns of one crystal show less."""
    some = rng.permutation(len(flat))[:_PURE]
    first = found.scores[some].argmax(axis=1)
    second = second_crystal(seen.matcher, flat[some], place[some], first, found.rotations[some, first])
    return {
        "least_share": max(
            _LEAST_SHARE, float(np.quantile(np.where(second.phase == first, 0.0, second.share), 0.99))
        ),
        "patterns_of_one_crystal": len(some),
    }


def _parts(n: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]


def _some(found: Matches, part: slice) -> Matches:
    return Matches(found.scores[part], found.rotations[part], found.ceiling[part])


def _recipe(members: int) -> Recipe:
    group: dict[str, Any] = {"kind": "matcher", "architecture": "matching"}
    if members:
        group = {
            "kind": "transfer",
            "count": members,
            "architecture": "small",
            "size": 64,
            "dropout": 0.3,
            "weights": "kikuchi",
        }
    return Recipe.model_validate(
        {
            "member": [group],
            "combine": {"rule": "geometric" if not members else "auto", "draws": 20},
            "calibrate": {"method": "temperature"},
            "abstain": {"groups": "pattern"},
        }
    )


def _familiarity(networks: Familiarity | None) -> Familiarity:
    """Put a stand-in for the matcher, whose unfamiliarity is its own, before the networks' references."""
    if networks is None:
        return Familiarity((np.eye(2, dtype=np.float32),), np.ones(1), 1)
    # As many rows as neighbours are asked for: a bundle tries to answer when it is opened.
    stand_in = np.eye(max(2, networks.k), dtype=np.float32)
    return Familiarity((stand_in, *networks.references), np.append(1.0, networks.scales), networks.k)


def _facts(
    scan: Scan,
    named: Sequence[Candidate],
    masters: Sequence[MasterPattern],
    fit: dict[str, Any],
    separable: Separability,
    part: np.ndarray,
    networks: bool,
    seed: int,
) -> dict[str, Any]:
    counts = np.bincount(part, minlength=3)
    return {
        "format_version": bundles.VERSION_OF_PHASES,
        "classes": [phase.space_group for phase in named],
        "phases": [phase.to_dict() for phase in named],
        "materials": [
            {"name": phase.name, "space_group": phase.space_group, "patterns": int(len(part) / len(named))}
            for phase in named
        ],
        "voltages_kv": sorted({float(master.voltage_kv) for master in masters}),
        "splits": {
            "train": 0,
            "validation": int(counts[Part.CALIBRATION]),
            "calibration": int(counts[Part.CALIBRATION] + counts[Part.CERTIFICATION]),
            "test": int(counts[Part.TEST]),
        },
        "dataset": scan.fingerprint(),
        "adapted": {
            "scan": scan.name,
            "overlap": fit.pop("overlap"),
            "geometry": fit,
            "separability": separable.to_dict(),
        },
        "seed": seed,
    } | _simulators(masters, separable.simulators, networks)


def _simulators(masters: Sequence[MasterPattern], held_out: Sequence[str], networks: bool) -> dict[str, Any]:
    """Say by which simulators the patterns were made; the matcher knows the usual masters only."""
    usual = {master.simulator for master in masters}
    varied = {f"{BLOCH_WAVES}, {name}" for name in held_out if name != "usual"}
    return simulator_record(usual | varied if networks else usual, dict.fromkeys(PARTS, usual | varied))
