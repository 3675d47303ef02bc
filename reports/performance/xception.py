"""Five Xception members at 96 x 96: the predict loop, and ours lever by lever."""

from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import fit_familiarity
from kikuchi._support.threads import cores
from kikuchi.inference import OnnxEngine, Runner
from kikuchi.inference.keras_engine import head_of
from kikuchi.inference.openvino_engine import Bf16Engine, bf16_missing
from kikuchi.inference.quantisation import quantise
from kikuchi.recipes.schema import Recipe
from reports.performance import populations, timing, xceptions
from reports.performance.build import build
from reports.performance.costs import gflop
from reports.performance.methods import Methods, agreement, outputs

#: Patterns that orders and cascades are learned from.
LEARN = 2000


def measure(work: Path, patterns: int | None, rounds: int, seed: int) -> dict[str, Any]:
    """Measure everything about the Xception ensemble."""
    n = patterns or 256
    folders, raw, labels = build(work)
    models = xceptions.keras_members(folders)
    heads = [head_of(model) for model in models]
    learn = slice(n, n + LEARN)
    ready = populations.prepared(raw[learn], xceptions.SIZE)
    for folder in folders:
        if not (folder / "int8.onnx").is_file():
            quantise(folder / "member.onnx", folder / "int8.onnx", ready[:96])
    specs = tuple(xceptions.spec(folder.name, 3, i + 1) for i, folder in enumerate(folders))
    recipe = Recipe(
        member=({"kind": "scratch", "count": 5, "architecture": "xception", "size": xceptions.SIZE},)
    )
    engines: dict[str, list] = {
        kind: [OnnxEngine(f / f"{file}.onnx", head, kind) for f, head in zip(folders, heads, strict=True)]
        for kind, file in (("onnx", "member"), ("int8", "int8"))
    }
    if bf16_missing() is None:
        engines["bf16"] = [
            Bf16Engine(f / "member.onnx", head) for f, head in zip(folders, heads, strict=True)
        ]
    familiarity = fit_familiarity(
        [engine.predict(ready[:64])[1] for engine in engines["onnx"]], labels[learn][:64]
    )
    runners = {kind: Runner(several, specs, recipe, familiarity) for kind, several in engines.items()}
    learned = {kind: outputs(runner, raw[learn]).logits for kind, runner in runners.items()}
    methods = Methods(
        raw=raw[:n],
        prepared=populations.prepared(raw[:n], xceptions.SIZE),
        labels=labels[:n],
        models=models,
        runners=runners,
        learned=learned,
        learned_labels=labels[learn],
    )
    ways = methods.ways()
    said = {name: way() for name, way in ways.items()}
    speed = timing.rates(ways, n, rounds, "predict loop")
    for name, logits in said.items():
        speed[name] |= agreement(logits, said["predict loop"], labels[:n])
    each = gflop(folders[0] / "member.onnx")
    return {
        "patterns": n,
        "members": len(folders),
        "levers": speed,
        "agreement_on_learned": {
            name: agreement(learned[name], learned["onnx"], labels[learn]) for name in learned
        },
        "largest_difference_of_logits_from_keras": float(np.abs(said["onnx"] - said["predict loop"]).max()),
        "gflop_a_member_and_pattern": round(each, 3),
        "gemm_gflops": timing.gemm_rate(cores()),
        "onnx_gflops": round(speed["onnx"]["per_second"] * each * len(folders), 1),
    }
