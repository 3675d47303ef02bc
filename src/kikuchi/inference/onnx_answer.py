"""Pooling and calibration as a part of an ONNX graph: the members' logits in, calibrated probabilities out.

The formulas are those of `ensemble.pooling.combine` and `ensemble.calibration`, in double precision as there.
"""

from typing import Any

import numpy as np

from ensemble.calibration import Calibration
from ensemble.errors import InputError
from kikuchi.inference.onnx_graph import Graph

F32, F64, I64 = np.float32, np.float64, np.int64

_EPS = np.finfo(F64).eps


def pooled(graph: Graph, logits: str, rule: str, weights: np.ndarray) -> str:
    """Pool logits (M, n, K), double, by ``"vote"``, ``"average"`` or ``"geometric"`` into (n, K)."""
    w = weights.astype(F64)[:, None, None]
    if rule == "geometric":
        return graph.op("Softmax", _sum(graph, graph.op("Mul", logits, w), 0), axis=1)
    p = graph.op("Softmax", logits, axis=2)
    mean = _sum(graph, graph.op("Mul", p, w), 0)
    if rule == "average":
        return mean
    classes = graph.op("Range", I64(0), _last_length(graph, p), I64(1))
    share = _sum(graph, graph.op("Mul", _winner(graph, p, classes, 2), w), 0)
    return _vote(graph, share, mean, classes, len(weights))


def drawn_mean(graph: Graph, features: str, kernels: np.ndarray, biases: np.ndarray) -> str:
    """Mean probability (n, K) over heads (T, F, K) and (T, K) on features (n, F), single precision as in a map."""
    draws, _, k = kernels.shape
    heads = np.ascontiguousarray(kernels.astype(F32).transpose(1, 0, 2).reshape(-1, draws * k))
    logits = graph.op("Reshape", graph.op("MatMul", features, heads), np.array([-1, draws, k], I64))
    logits = graph.op("Add", logits, np.ascontiguousarray(biases, F32))
    return graph.reduce("ReduceMean", graph.op("Softmax", logits, axis=2), (1,), keep=False)


def calibrated(graph: Graph, p: str, calibration: Calibration) -> str:
    """Calibrate probabilities (n, K), double.

    Raises
    ------
    InputError
        This version knows the method but not how to write it as a graph.
    """
    method, found = calibration.method, calibration.parameters
    own = method.removeprefix("netcal-")
    if method == "none":
        return p
    if method == "temperature":
        z = graph.op("Log", graph.op("Max", p, F64(np.finfo(F64).tiny)))
        return graph.op("Softmax", graph.op("Div", z, F64(found["temperature"])), axis=1)
    if own in ("vector", "temperature", "logistic"):
        z = graph.op("Mul", graph.op("Log", _open(graph, p)), np.array(found["weight"], F64))
        return graph.op("Softmax", graph.op("Add", z, np.array(found["bias"], F64)), axis=1)
    if own == "beta":
        inside = _open(graph, p)
        z = graph.op("Mul", graph.op("Log", inside), np.array(found["a"], F64))
        rest = graph.op("Log", graph.op("Sub", F64(1), inside))
        z = graph.op("Sub", z, graph.op("Mul", rest, np.array(found["b"], F64)))
        return graph.op("Softmax", graph.op("Add", z, np.array(found["bias"], F64)), axis=1)
    if own == "isotonic":
        return _by_class(graph, p, found["x"], found, _between_corners)
    if own in ("histogram", "bbq", "enir"):
        return _by_class(graph, p, found["edges"], found, _in_bins)
    raise InputError(
        f"no ONNX for {method} calibration", remedy="use another rule, whose calibration is another"
    )


def _by_class(graph: Graph, p: str, places: list[list[float]], found: dict[str, Any], function: Any) -> str:
    """Apply a function of one class at a time, keep it off 0 and 1 where it says so, and normalise."""
    k = len(places)
    columns = []
    for c, (x, y) in enumerate(zip(places, found["y"], strict=True)):
        # One function alone is that of the second of two classes.
        own = graph.op("Gather", p, np.array([1 if k == 1 else c], I64), axis=1)
        column = function(graph, own, np.array(x, F64), np.array(y, F64))
        if "floor" in found:
            column = graph.op("Min", graph.op("Max", column, F64(found["floor"])), F64(1 - found["floor"]))
        columns.append(column)
    if k == 1:
        columns.insert(0, graph.op("Sub", F64(1), columns[0]))
    joined = graph.op("Concat", *columns, axis=1)
    return graph.op("Div", joined, graph.reduce("ReduceSum", joined, (1,)))


def _in_bins(graph: Graph, p: str, edges: np.ndarray, y: np.ndarray) -> str:
    below = graph.cast(graph.op("Less", edges[None], p), I64)
    index = graph.op("Sub", graph.reduce("ReduceSum", below, (1,)), I64(1))
    return graph.op("Gather", y, _clipped(graph, index, len(y) - 1), axis=0)


def _between_corners(graph: Graph, p: str, x: np.ndarray, y: np.ndarray) -> str:
    if len(x) == 1:
        return graph.op("Add", graph.op("Mul", p, F64(0)), F64(y[0]))
    slope = np.diff(y) / np.diff(x)
    inside = graph.op("Min", graph.op("Max", p, F64(x[0])), F64(x[-1]))
    reached = graph.cast(graph.op("LessOrEqual", x[None], inside), I64)
    index = graph.op("Sub", graph.reduce("ReduceSum", reached, (1,)), I64(1))
    index = _clipped(graph, index, len(slope) - 1)
    start, height, rise = (graph.op("Gather", a, index, axis=0) for a in (x, y, slope))
    return graph.op("Add", height, graph.op("Mul", rise, graph.op("Sub", inside, start)))


def _vote(graph: Graph, share: str, mean: str, classes: str, members: int) -> str:
    """Votes and mean probability together, the winner of the vote first: see `ensemble.pooling.combine`."""
    votes = graph.op("Mul", share, F64(members))
    best = graph.reduce("ReduceMax", votes, (1,))
    tied = graph.op("Greater", votes, graph.op("Sub", best, F64(1e-9)))
    winner = _winner(graph, graph.op("Where", tied, mean, F64(-1)), classes, 1)
    ahead = graph.op("Sub", mean, graph.reduce("ReduceSum", graph.op("Mul", mean, winner), (1,)))
    behind = graph.op("Sub", best, votes)
    may = graph.op("And", graph.op("GreaterOrEqual", ahead, behind), graph.op("Not", tied))
    step = graph.op("Div", graph.op("Mul", behind, F64(0.5)), graph.op("Where", may, ahead, F64(1)))
    step = graph.reduce("ReduceMin", graph.op("Where", may, step, F64(1)), (1,))
    total = graph.op("Add", votes, graph.op("Mul", step, mean))
    return graph.op("Div", total, graph.op("Add", step, F64(members)))


def _winner(graph: Graph, p: str, classes: str, axis: int) -> str:
    """One for the largest along an axis, the first of equals, and 0 elsewhere."""
    first = graph.op("ArgMax", p, axis=axis, keepdims=1)
    return graph.cast(graph.op("Equal", first, classes), F64)


def _last_length(graph: Graph, x: str) -> str:
    return graph.op("Gather", graph.op("Shape", x), I64(-1), axis=0)


def _sum(graph: Graph, x: str, axis: int) -> str:
    return graph.reduce("ReduceSum", x, (axis,), keep=False)


def _open(graph: Graph, p: str) -> str:
    return graph.op("Min", graph.op("Max", p, F64(_EPS)), F64(1 - _EPS))


def _clipped(graph: Graph, index: str, most: int) -> str:
    return graph.op("Min", graph.op("Max", index, I64(0)), I64(most))
