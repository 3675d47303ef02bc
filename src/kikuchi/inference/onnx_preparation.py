"""`kikuchi.scans.prepare` as a part of an ONNX graph: raw patterns of any size in, what a network sees out."""

import numpy as np

from ensemble.errors import InputError
from kikuchi.inference.onnx_graph import Graph
from kikuchi.scans import Preparation
from kikuchi.scans.preparation import blur_factors, inside_mask, slope_polynomials

F32, F64, I64 = np.float32, np.float64, np.int64

_REMEDY = "--prepared exports without the preparation"


def check_expressible(preparation: Preparation) -> None:
    """Refuse a preparation that no graph of single patterns can express.

    Raises
    ------
    InputError
        It filters patterns with their neighbours in the scan, or pulls their radial spectrum.
    """
    if preparation.neighbours != "none":
        raise InputError("patterns are filtered with their neighbours in the scan first", remedy=_REMEDY)
    if preparation.spectrum > 0:
        raise InputError(
            "the preparation pulls the radial spectrum, which ONNX cannot express", remedy=_REMEDY
        )


def takes_background(preparation: Preparation, asked: bool) -> bool:
    """Whether the graph takes a static background: where it is asked for, or the preparation needs one.

    Raises
    ------
    InputError
        It is asked for, and the members learned from patterns with their background in.
    """
    if asked and preparation.static_background == "none":
        raise InputError(
            "this bundle's preparation takes off no static background", remedy="leave --background out"
        )
    return asked or preparation.static_background in ("file", "mean")


def filled(graph: Graph, patterns: str) -> str:
    """Replace what is not finite by the mean of what is, as patterns (n, sy, sx) of floats may need."""
    good = graph.op("Less", graph.op("Abs", patterns), F32(1e15))
    x = graph.op("Where", good, patterns, F32(0))
    count = graph.op("Max", graph.reduce("ReduceSum", graph.cast(good, F32), (1, 2)), F32(1))
    return graph.op("Where", good, x, graph.op("Div", graph.reduce("ReduceSum", x, (1, 2)), count))


def prepared(graph: Graph, x: str, preparation: Preparation, background: str | None) -> str:
    """Prepare patterns (n, sy, sx) float32, finite, and return them as (n, size, size)."""
    size, circular = preparation.size, preparation.circular_mask
    mask = inside_mask(size, circular)
    mean = graph.reduce("ReduceMean", x, (1, 2))
    spread = graph.op("Sub", graph.reduce("ReduceMax", x, (1, 2)), graph.reduce("ReduceMin", x, (1, 2)))
    flat = graph.op("LessOrEqual", spread, graph.op("Mul", graph.op("Abs", mean), F32(1e-6)))
    if background is None:
        x = graph.op("Sub", x, mean)
    else:
        level = _background(graph, background)
        if preparation.static_operation == "divide":
            x = graph.op("Div", x, level)
            x = graph.op("Sub", x, graph.reduce("ReduceMean", x, (1, 2)))
        else:
            x = graph.op("Sub", x, graph.op("Mul", mean, level))
    x = graph.op("Mul", _resized(graph, x, preparation), mask)
    if preparation.dynamic_background > 0:
        x = _without_slope(graph, x, size, circular)
    for _ in range(1 + (preparation.dynamic_background > 0 or preparation.local_contrast > 0)):
        if preparation.dynamic_background > 0:
            x = graph.op("Sub", x, _blurred(graph, x, size, preparation.dynamic_background, circular))
            x = graph.op("Mul", x, mask)
        if preparation.local_contrast > 0:
            local = _blurred(graph, graph.op("Mul", x, x), size, preparation.local_contrast, circular)
            floor = graph.op("Mul", graph.reduce("ReduceMean", local, (1, 2)), F32(0.01))
            floor = graph.op("Add", floor, np.finfo(F32).tiny)
            local = graph.op("Add", graph.op("Max", local, F32(0)), floor)
            x = graph.op("Div", x, graph.op("Sqrt", local))
        x = _standardised(graph, x, mask, preparation.clip)
    return graph.op("Where", flat, F32(0), x)


def _background(graph: Graph, background: str) -> str:
    """Scale the static background to mean 1, as `prepare` does."""
    finite = graph.op("Less", graph.op("Abs", background), F32(np.finfo(F32).max))
    level = graph.cast(graph.op("Where", finite, background, F32(0)), F64)
    level = graph.op("Div", level, graph.reduce("ReduceMean", level, (0, 1)))
    return graph.cast(graph.op("Max", level, F64(1e-3)), F32)


def _resized(graph: Graph, x: str, preparation: Preparation) -> str:
    """Crop and resize (n, sy, sx) to (n, size, size)."""
    shape = graph.op("Shape", x)
    rows, columns = (graph.op("Gather", shape, I64(axis), axis=0) for axis in (1, 2))
    if preparation.crop == "centre":
        side = graph.op("Min", rows, columns)
        starts, ends = [], []
        for length in (rows, columns):
            start = graph.op("Div", graph.op("Sub", length, side), I64(2))
            starts.append(graph.op("Unsqueeze", start, np.zeros(1, I64)))
            ends.append(graph.op("Unsqueeze", graph.op("Add", start, side), np.zeros(1, I64)))
        begin, end = (graph.op("Concat", *places, axis=0) for places in (starts, ends))
        x = graph.op("Slice", x, begin, end, np.array([1, 2], I64))
        rows = columns = side
    down = resize_weights(graph, rows, preparation.size)
    across = down if rows is columns else resize_weights(graph, columns, preparation.size)
    x = graph.op("MatMul", down, x)
    return graph.op("MatMul", x, graph.op("Transpose", across, perm=[1, 0]))


def resize_weights(graph: Graph, length: str, size: int) -> str:
    """Weights (size, length) of scikit-image's antialiased linear resize along one axis, for any length.

    That is a Gaussian of deviation (length / size - 1) / 2, cut off at four deviations, then linear
    interpolation between pixel centres; beyond its ends the axis goes on as its mirror image.
    """
    n = graph.cast(length, F64)
    last = graph.op("Sub", n, F64(1))
    factor = graph.op("Div", n, F64(size))
    at = graph.op("Range", F64(0), n, F64(1))
    column = graph.op("Unsqueeze", at, np.ones(1, I64))
    sigma = graph.op("Max", graph.op("Mul", graph.op("Sub", factor, F64(1)), F64(0.5)), F64(1e-9))
    radius = graph.op("Floor", graph.op("Add", graph.op("Mul", sigma, F64(4)), F64(0.5)))

    def bell(distance: str) -> str:
        near = graph.op("LessOrEqual", distance, radius)
        scaled = graph.op("Div", distance, sigma)
        height = graph.op("Exp", graph.op("Mul", graph.op("Mul", scaled, scaled), F64(-0.5)))
        return graph.op("Where", near, height, F64(0))

    together = graph.op("Add", column, at)
    beyond = graph.op("Sub", graph.op("Mul", last, F64(2)), together)
    # The first and the last pixel are not mirrored onto themselves.
    left = graph.op("Where", graph.op("Equal", at, F64(0)), F64(0), bell(together))
    right = graph.op("Where", graph.op("Equal", at, last), F64(0), bell(graph.op("Abs", beyond)))
    smooth = graph.op("Add", bell(graph.op("Abs", graph.op("Sub", column, at))), graph.op("Add", left, right))
    smooth = graph.op("Div", smooth, graph.reduce("ReduceSum", smooth, (1,)))
    centres = np.arange(size, dtype=F64)[:, None] + 0.5
    place = graph.op("Sub", graph.op("Mul", factor, centres), F64(0.5))
    place = graph.op("Sub", last, graph.op("Abs", graph.op("Sub", last, graph.op("Abs", place))))
    apart = graph.op("Abs", graph.op("Sub", place, at))
    linear = graph.op("Max", graph.op("Sub", F64(1), apart), F64(0))
    return graph.cast(graph.op("MatMul", linear, smooth), F32)


def _without_slope(graph: Graph, x: str, size: int, circular: bool) -> str:
    along, inverse = slope_polynomials(size, circular)
    moments = graph.op("MatMul", graph.op("MatMul", np.ascontiguousarray(along.T), x), along)
    flat = graph.op("Reshape", moments, np.array([-1, 25, 1], I64))
    coefficients = graph.op("Reshape", graph.op("MatMul", inverse, flat), np.array([-1, 5, 5], I64))
    surface = graph.op("MatMul", graph.op("MatMul", along, coefficients), np.ascontiguousarray(along.T))
    return graph.op("Sub", x, graph.op("Mul", surface, inside_mask(size, circular)))


def _blurred(graph: Graph, x: str, size: int, deviation: float, circular: bool) -> str:
    into, back, weight = blur_factors(size, deviation, circular)
    few = graph.op("MatMul", graph.op("MatMul", into, x), np.ascontiguousarray(into.T))
    blurred = graph.op("MatMul", graph.op("MatMul", back, few), np.ascontiguousarray(back.T))
    return graph.op("Mul", blurred, weight)


def _standardised(graph: Graph, x: str, mask: np.ndarray, clip: float) -> str:
    inside = F32(mask.sum())
    x = graph.op("Sub", x, graph.op("Div", graph.reduce("ReduceSum", x, (1, 2)), inside))
    x = graph.op("Mul", x, mask)
    square = graph.reduce("ReduceSum", graph.op("Mul", x, x), (1, 2))
    deviation = graph.op("Sqrt", graph.op("Div", square, inside))
    deviation = graph.op("Where", graph.op("Greater", deviation, F32(0)), deviation, F32(1))
    x = graph.op("Div", x, graph.op("Mul", deviation, F32(clip)))
    return graph.op("Max", graph.op("Min", x, F32(1)), F32(-1))
