"""Scores of strangers that need features: subspaces, nearest neighbours in earlier layers, a linear probe.

Of the crystals that the shipped bundle held out it keeps the features of 150 patterns; of those that members were
trained on, EMsoft's are recorded again. Both judge, which shows what a score owes to crystals that were trained on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from ensemble.abstention import energy
from ensemble.metrics import auroc
from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.bundle.outputs import HeldOut
from kikuchi.inference.predictor import Predictor

PRINCIPAL = 48
NEIGHBOUR = 10


def by_features(
    bundle: Predictor,
    held_out: HeldOut,
    known: Any,
    own: Any,
    emsoft: Any,
    family: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Any]:
    """Judge every score against trained-on crystals (every other phase) and against held-out ones."""
    with np.load(SHIPPED_FOLDER / "exemplars.npz") as kept:
        members = len(bundle.members)
        unseen = np.stack([kept[f"held_out_{m}"].astype(np.float32) for m in range(members)])
        of_unseen = energy(held_out.outputs.logits[:, kept["rows"]])
    phases = np.unique(known.names)
    judges = np.isin(known.names, phases[1::2])
    references = bundle.familiarity.references
    ratio = np.abs(energy(known.outputs.logits)).mean() / _residual(known.features, references).mean()
    scores: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "energy": lambda features, said: said,
        "residual": lambda features, said: _residual(features, references),
        "ViM": lambda features, said: ratio * _residual(features, references) + said,
    }
    found: dict[str, Any] = {}
    for name, score in scores.items():
        of = {
            "trained_on": score(known.features[:, judges], energy(known.outputs.logits)[judges]),
            "held_out": score(unseen, of_unseen),
        }
        found[name] = {
            f"{simulator}, against {what}": _judged(values, score(one.features, energy(one.outputs.logits)))
            for what, values in of.items()
            for simulator, one in (("own", own), ("emsoft", emsoft))
        }
    layers = {id(one): _earlier(one.prepared, members) for one in (known, own, emsoft)}
    base = layers[id(known)][:, ~judges]
    found["nearest neighbour in earlier layers"] = {
        f"{simulator}, against trained_on": _judged(
            _distance(layers[id(known)][:, judges], base), _distance(layers[id(one)], base)
        )
        for simulator, one in (("own", own), ("emsoft", emsoft))
    }
    found["linear probe, family left out"] = _probe(known, judges, unseen, own, emsoft, family)
    return found


def _judged(known: np.ndarray, strange: np.ndarray) -> dict[str, float]:
    limit = np.quantile(known, 0.95)
    return {
        "auroc": round(float(auroc(known, strange)), 3),
        "flagged": round(float((strange > limit).mean()), 3),
    }


def _residual(features: np.ndarray, references: Any) -> np.ndarray:
    """Length of normalised features outside the principal subspace of the references, averaged over members."""
    total = np.zeros(features.shape[1])
    for own, reference in zip(features, references, strict=True):
        x = own / np.linalg.norm(own, axis=1, keepdims=True) - reference.mean(axis=0)
        axes = np.linalg.svd(reference - reference.mean(axis=0), full_matrices=False)[2][:PRINCIPAL]
        total += np.linalg.norm(x - (x @ axes.T) @ axes, axis=1)
    return total / len(features)


def _earlier(prepared: np.ndarray, members: int) -> np.ndarray:
    """Means over the picture of four earlier layers, (members, n, channels)."""
    found = []
    for number in range(1, members + 1):
        model = onnx.load(SHIPPED_FOLDER / "engines" / "onnx" / f"transfer-{number}.onnx")
        sums = [n.output[0] for n in model.graph.node if n.op_type == "Add" and "backbone" in n.output[0]]
        names = []
        for k in (1, 3, 5, 6):
            names.append(f"mean_{k}")
            model.graph.node.append(helper.make_node("GlobalAveragePool", [sums[k]], [names[-1]]))
            model.graph.output.append(helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, None))
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0].name
        parts = [
            session.run(names, {given: np.ascontiguousarray(prepared[i : i + 64, ..., None], np.float32)})
            for i in range(0, len(prepared), 64)
        ]
        found.append(
            np.concatenate([np.concatenate([a.reshape(len(a), -1) for a in p], axis=1) for p in parts])
        )
    return np.stack(found)


def _distance(x: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Minus the cosine to the tenth nearest of the base, standardised, averaged over members."""
    total = np.zeros(x.shape[1])
    for own, reference in zip(x, base, strict=True):
        mean, spread = reference.mean(axis=0), reference.std(axis=0) + 1e-3
        a, b = ((v - mean) / spread for v in (own, reference))
        a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
        total += np.sort(-(a @ b.T), axis=1)[:, NEIGHBOUR]
    return total / len(x)


def _probe(
    known: Any, judges: np.ndarray, unseen: np.ndarray, own: Any, emsoft: Any, family: Any
) -> dict[str, Any]:
    """Logistic regression on all members' last features: strangers of other families against trained-on crystals."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def rows(features: np.ndarray) -> np.ndarray:
        return features.transpose(1, 0, 2).reshape(features.shape[1], -1)

    found = {}
    for name in np.unique(family(own.group)):
        others = family(own.group) != name
        x = np.concatenate([rows(known.features)[~judges], rows(own.features)[others]])
        y = np.repeat([0, 1], [int((~judges).sum()), int(others.sum())])
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=1e-3, class_weight="balanced", max_iter=500)
        ).fit(x, y)
        for what, familiar in (("trained_on", rows(known.features)[judges]), ("held_out", rows(unseen))):
            for simulator, one in (("own", own), ("emsoft", emsoft)):
                here = family(one.group) == name
                if here.any():
                    found[f"{name}, {simulator}, against {what}"] = _judged(
                        model.decision_function(familiar), model.decision_function(rows(one.features)[here])
                    )
    return found
