"""A whole bundle as one ONNX graph: preparation, members, pooling and calibration, for any runtime of ONNX."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from ensemble.pooling import member_weights as as_shares
from kikuchi._support import atomic
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.versions import versions
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import member_weights
from kikuchi.inference.exports import Shelf, engines_for, read_shelf
from kikuchi.inference.onnx_answer import calibrated, drawn_mean, pooled
from kikuchi.inference.onnx_file import read_onnx
from kikuchi.inference.onnx_graph import Graph
from kikuchi.inference.onnx_preparation import check_expressible, filled, prepared, takes_background
from kikuchi.members.draws import heads_of

if TYPE_CHECKING:
    from onnx import ModelProto

F32, F64, I64 = np.float32, np.float64, np.int64

PATTERNS, BACKGROUND, PROBABILITIES = "patterns", "background", "probabilities"

#: Protobuf holds no larger message.
_MOST_BYTES = 2**31 - 2**20


def ensemble_graph(
    bundle: Bundle,
    rule: str | None = None,
    *,
    ready: bool = False,
    background: bool = False,
    progress: Progress = SILENT,
) -> "ModelProto":
    """Write a bundle as one graph.

    Parameters
    ----------
    bundle
        As it was fitted, of networks only.
    rule
        Another than its own.
    ready
        The graph takes patterns that `kikuchi.scans.prepare` prepared, (n, size, size) in [-1, 1], instead of raw
        ones.
    background
        The graph also takes the detector's static background, to be taken off patterns that still hold it. Where
        the preparation cannot do without, it always does.
    progress
        Hears what is exported.

    Returns
    -------
    onnx.ModelProto
        Inputs ``patterns`` (n, rows, columns) float32, raw patterns of any size, and where it was asked for
        ``background`` (rows, columns) float32. Output ``probabilities`` (n, K) float32. What the columns are stands
        in the metadata.

    Raises
    ------
    InputError
        The bundle cannot be written as a graph, in one line that says why.
    """
    import onnx
    from onnx import TensorProto, helper

    name = bundle.check_rule(rule)
    _check(bundle)
    preparation = bundle.preparation(bundle.members[0])
    sizes = sorted({member.size for member in bundle.members})
    if not ready:
        check_expressible(preparation)
        background = takes_background(preparation, background)
    elif len(sizes) > 1:
        raise InputError(
            f"members take prepared patterns of different sizes ({', '.join(map(str, sizes))})",
            path=bundle.path,
            remedy="leave --prepared out: raw patterns are of one size",
        )
    shelf = _exports(bundle, progress)
    models = [onnx.ModelProto.FromString(read_onnx(shelf.folder / f"{m.name}.onnx")) for m in bundle.members]
    imports = {(entry.domain, entry.version) for model in models for entry in model.opset_import}
    if len(imports) != len({domain for domain, _ in imports}):
        raise InputError("its members were exported for different versions of ONNX", remedy=_again(shelf))
    opset = next(version for domain, version in imports if domain in ("", "ai.onnx"))
    graph = Graph(opset)
    inputs = [helper.make_tensor_value_info(PATTERNS, TensorProto.FLOAT, ["n", "rows", "columns"])]
    if background and not ready:
        inputs.append(helper.make_tensor_value_info(BACKGROUND, TensorProto.FLOAT, ["rows", "columns"]))
    seen: dict[int, str] = {}
    raw = PATTERNS if ready else filled(graph, PATTERNS)
    for size in sizes:
        own = bundle.recipe.preparation(size)
        x = raw if ready else prepared(graph, raw, own, BACKGROUND if background else None)
        seen[size] = graph.op("Unsqueeze", x, np.array([3], I64))
    functions: list[Any] = []
    heads: list[tuple[str, str]] = []
    for index, (member, model) in enumerate(zip(bundle.members, models, strict=True)):
        heads.append(_add_member(graph, model, f"member_{index}/", seen[member.size], functions))
    logits, features = zip(*heads, strict=True)
    shares = as_shares(
        member_weights(bundle.held_out, bundle.recipe) if len(models) > 1 else None, len(models)
    )
    if name == "mc-dropout":
        p = _drawn(graph, bundle, shelf, features, shares)
    else:
        stacked = [graph.op("Unsqueeze", z, np.zeros(1, I64)) for z in logits]
        p = pooled(graph, graph.cast(graph.op("Concat", *stacked, axis=0), F64), name, shares)
    p = calibrated(graph, p, bundle.calibrations[name])
    graph.op("Cast", p, to=TensorProto.FLOAT, output=PROBABILITIES)
    outputs = [helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["n", len(bundle.classes)])]
    whole = helper.make_graph(graph.nodes, "ensemble", inputs, outputs, graph.constants)
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in sorted(imports)],
        functions=functions,
        ir_version=max(m.ir_version for m in models),
        producer_name="kikuchi-ensemble",
        producer_version=versions()["kikuchi-ensemble"],
    )
    helper.set_model_props(model, _metadata(bundle, name, [entry.name for entry in inputs], ready))
    return model


def write_ensemble(model: "ModelProto", path: Path) -> None:
    """Write a graph to a file, whole or not at all.

    Raises
    ------
    InputError
        It is larger than ONNX files without outside data may be, or cannot be written.
    """
    if model.ByteSize() > _MOST_BYTES:
        raise InputError(
            f"{model.ByteSize() / 2**30:.1f} GB are more than one ONNX file holds",
            path=path,
            remedy="export a bundle of fewer members",
        )
    with atomic.replaced(path) as partial:
        partial.write_bytes(model.SerializeToString())


def _check(bundle: Bundle) -> None:
    if any(member.kind == "matcher" for member in bundle.members):
        raise InputError(
            "a matcher holds patterns against simulations of one scan: it is no network to export",
            path=bundle.path,
            remedy="fit networks with `ensemble fit`, and export their bundle",
        )
    variant: str = getattr(bundle, "variant", "")
    if bundle.candidates is not None or variant:
        raise InputError(
            "only a bundle as it was fitted can be exported",
            path=bundle.path,
            remedy="load it anew, without among() and without another engine or early stop",
        )


def _exports(bundle: Bundle, progress: Progress) -> Shelf:
    engines_for(bundle, "onnx", progress=progress)
    shelf = read_shelf(bundle, "onnx")
    if shelf is None:
        raise InputError(
            "a member cannot be written as ONNX, or does not say there what it says here",
            path=bundle.path,
            remedy="see the note above; another version of Keras or tf2onnx may",
        )
    return shelf


def _again(shelf: Shelf) -> str:
    return f"delete {shelf.folder}, they are made again"


def _add_member(
    graph: Graph, model: "ModelProto", prefix: str, patterns: str, functions: list[Any]
) -> tuple[str, str]:
    """Take a member's nodes and weights into the graph, under names of their own; return logits and features."""
    from onnx import compose

    inner = compose.add_prefix(model, prefix)
    graph.op("Identity", patterns, output=inner.graph.input[0].name)
    graph.nodes.extend(inner.graph.node)
    graph.constants.extend(inner.graph.initializer)
    functions.extend(inner.functions)
    logits, features = (output.name for output in inner.graph.output)
    return logits, features


def _drawn(graph: Graph, bundle: Bundle, shelf: Shelf, features: tuple[str, ...], shares: np.ndarray) -> str:
    """Pool the draws of every member: their masks are drawn from its seed, the same here as in a map."""
    total = None
    for member, features_of, share in zip(bundle.members, features, shares, strict=True):
        kernels, biases = heads_of(
            member, shelf.engine(member.name, "onnx").head, bundle.recipe.combine.draws
        )
        mean = graph.cast(drawn_mean(graph, features_of, kernels, biases), F64)
        part = graph.op("Mul", mean, F64(share))
        total = part if total is None else graph.op("Add", total, part)
    assert total is not None
    return total


def _metadata(bundle: Bundle, rule: str, inputs: list[str], ready: bool) -> dict[str, str]:
    labels = [phase.name for phase in bundle.phases] or [str(group) for group in bundle.classes]
    return {
        "classes": json.dumps(labels),
        "space_groups": json.dumps(list(bundle.classes)),
        "class_names": json.dumps(list(bundle.class_names)),
        "input": "prepared patterns" if ready else "raw patterns",
        "inputs": json.dumps(inputs),
        "rule": rule,
        "calibration": bundle.calibrations[rule].method,
        "members": json.dumps([member.name for member in bundle.members]),
        "preparation": bundle.preparation(bundle.members[0]).model_dump_json(),
        "bundle": bundle.fingerprint,
        "note": "Calibrated probabilities of every pattern, also of those that a map calls unreadable, unfamiliar or "
        "ambiguous: the graph never abstains, and no risk is promised for the largest of them.",
    }
