"""Five compact members at 64 x 64: every lever, the draws, preparation and reading."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from kikuchi._support.progress import Lines
from kikuchi._support.threads import cores, in_order
from kikuchi.bundle.outputs import read_held_out
from kikuchi.inference import STUDENTS, Runner, student_of
from kikuchi.inference.exports import read_shelf
from kikuchi.inference.openvino_engine import bf16_missing
from kikuchi.inference.predictor import HELD_OUT
from kikuchi.scans import load_dataset, pattern_quality, prepare, scan_from_array
from kikuchi.simulate import simulate
from kikuchi.workflows.accelerate import accelerate
from reports.performance import timing
from reports.performance.costs import gflop
from reports.performance.methods import Methods, agreement, through
from reports.trust.gain import specification


def measure(work: Path, patterns: int | None, rounds: int, seed: int) -> dict[str, Any]:
    """Measure everything about the compact ensemble in WORK/gain: its ``run`` and its ``scans``.

    Its student has seen what the ensemble says of patterns of the same materials that are in no part of its dataset;
    they are simulated in WORK/gain/unlabelled, and nobody looks at their labels.
    """
    n = patterns or 1000
    bundle, dataset, kinds, pupils = ready(work, seed)
    shelves = {kind: read_shelf(bundle, kind) for kind in [*kinds, *pupils]}
    engines = {kind: found for kind in kinds if (found := shelves[kind]) is not None}
    students = {kind: found for kind in pupils if (found := shelves[kind]) is not None}
    assert len(students) == len(pupils) and len(engines) == len(kinds)
    single = engines["onnx"]
    raw, labels = some(dataset, n, seed)
    runners = {
        kind: Runner(
            [found.engine(s.name, kind) for s in bundle.members],
            bundle.members,
            bundle.recipe,
            bundle.familiarity,
        )
        for kind, found in engines.items()
    }
    fitted = bundle.held_out.part == 0
    learned = {
        kind: read_held_out(found.folder / HELD_OUT).outputs.logits[:, fitted]
        for kind, found in engines.items()
    }
    methods = Methods(
        raw=raw,
        prepared=prepare(raw, bundle.preparation(bundle.members[0])),
        labels=labels,
        models=[bundle.model(s.name) for s in bundle.members],
        runners=runners,
        learned=learned,
        learned_labels=bundle.held_out.labels[fitted],
        students={kind: student_of(bundle, kind) for kind in pupils},
    )
    ways = methods.ways()
    said = {name: way() for name, way in ways.items()}
    speed = timing.rates(ways, n, rounds, "predict loop")
    for name, logits in said.items():
        speed[name] |= agreement(logits, said["predict loop"], labels)
    work_each = gflop(single.folder / f"{bundle.members[0].name}.onnx")
    machine = timing.gemm_rate(cores())
    return {
        "patterns": n,
        "members": len(bundle.members),
        "levers": speed,
        "quickened": {kind: s.manifest["measured"] for kind, s in [*engines.items(), *students.items()]},
        "gflop_a_member_and_pattern": round(work_each, 4),
        "gemm_gflops": machine,
        "onnx_gflops": round(speed["onnx"]["per_second"] * work_each * len(bundle.members), 1),
        "draws": draws(runners["onnx"], raw, rounds),
        "preparation": preparation(bundle, raw, speed["onnx"]["per_processor_second"], rounds),
        "members_grow": {
            str(m): round(n / timed(lambda m=m: through(first(runners["onnx"], m), raw)), 1)
            for m in range(1, len(bundle.members) + 1)
        },
        "classes_grow": classes_grow(n),
    }


def ready(work: Path, seed: int) -> tuple[kikuchi.Predictor, Path, list[str], list[str]]:
    """Make the faster engines unless they are there; return bundle, dataset, engines of members, and students."""
    bundle = kikuchi.Predictor.load(work / "gain" / "run")
    dataset = work / "gain" / "scans" / "dataset.toml"
    kinds = ["onnx", "int8"] + ([] if bf16_missing() else ["bf16"])
    pupils = [kind for kind in STUDENTS if kind == "student" or not bf16_missing()]
    shelves = {kind: read_shelf(bundle, kind) for kind in [*kinds, *pupils]}
    made = (found is not None and "measured" in found.manifest for found in shelves.values())
    student = shelves["student"]
    if not all(made) or student is None or not student.manifest.get("learned_from", {}).get("unlabelled"):
        new = unlabelled(work / "gain" / "unlabelled", seed)
        accelerate(bundle, dataset, student=True, unlabelled=new, progress=Lines())
    return bundle, dataset, kinds, pupils


def unlabelled(folder: Path, seed: int, per_group: int = 5000) -> list[Path]:
    """Simulate patterns as the ensemble's dataset was simulated, from another seed; return their scans."""
    if not (folder / "dataset.toml").is_file():
        spec = folder.with_suffix(".toml")
        spec.write_text(specification(per_group, seed + 1), encoding="utf-8")
        simulate(spec, folder)
    return sorted(folder.glob("*.h5"))


def some(dataset: Path, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return raw patterns of all classes in random order, and their classes."""
    data = load_dataset(dataset)
    chosen = np.sort(np.random.default_rng(seed).permutation(data.n)[:n])
    raw = np.concatenate([patterns for _, _, patterns in data.iter_patterns(chosen)])
    order = np.random.default_rng(seed).permutation(n)
    return raw[order], data.labels(data.classes)[chosen][order]


def timed(run) -> float:
    """Return the median seconds of three runs."""
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def first(runner: Runner, members: int) -> Runner:
    """Return the first few members of a runner."""
    from ensemble.abstention import Familiarity

    f = runner.familiarity
    fewer = Familiarity(f.references[:members], f.scales[:members], f.k)
    return replace(runner, engines=runner.engines[:members], specs=runner.specs[:members], familiarity=fewer)


def draws(runner: Runner, raw: np.ndarray, rounds: int) -> dict[str, Any]:
    """Time the whole pipeline with one dropout draw and with fifty, on cached features."""

    def with_draws(t: int) -> Runner:
        combined = runner.recipe.combine.model_copy(update={"draws": t})
        return replace(runner, recipe=runner.recipe.model_copy(update={"combine": combined}))

    cases = {f"{t} draws": (lambda t=t: through(with_draws(t), raw)) for t in (1, 50)}
    found = timing.rates(cases, len(raw), rounds, "50 draws")
    return found


def preparation(bundle, raw: np.ndarray, mapped: float, rounds: int) -> dict[str, Any]:
    """Time preparation and quality alone in the pipeline's workers, and their share of a map's processor time."""
    settings = bundle.preparation(bundle.members[0])
    scan = scan_from_array(raw)
    pieces = [slice(i, i + 256) for i in range(0, len(raw), 256)]
    cases = {
        "reading and preparing": lambda: list(
            in_order(lambda p: prepare(p, settings), (scan.read(s) for s in pieces))
        ),
        "and judging quality": lambda: list(
            in_order(lambda p: (prepare(p, settings), pattern_quality(p)), (scan.read(s) for s in pieces))
        ),
    }
    found = timing.rates(cases, len(raw), rounds, "reading and preparing")
    for case in found.values():
        case["share_of_map"] = round(mapped / case["per_processor_second"], 3)
    return found


def classes_grow(n: int) -> dict[str, dict[str, float]]:
    """Time combining by vote for more classes, which no network runs for."""
    from ensemble.pooling import combine

    rng = np.random.default_rng(0)
    found: dict[str, dict[str, float]] = {}
    for k in (6, 30, 100, 230):
        logits = rng.normal(size=(5, n, k)).astype(np.float32)
        found[str(k)] = {"patterns_per_second": round(n / timed(lambda x=logits: combine(x, "vote")))}
    return found
