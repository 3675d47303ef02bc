"""How many operations a network takes: multiply-adds of its convolutions and products, from its ONNX graph."""

from pathlib import Path

import numpy as np


def gflop(path: Path) -> float:
    """Return GFLOP of one pattern (two for each multiply-add of a convolution or matrix product)."""
    import onnx
    from onnx import numpy_helper, shape_inference

    graph = shape_inference.infer_shapes(onnx.load(path)).graph
    weights = {w.name: numpy_helper.to_array(w).shape for w in graph.initializer}
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in [*graph.value_info, *graph.output, *graph.input]
    }
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            out = shapes[node.output[0]]
            total += int(np.prod(out[2:])) * int(np.prod(weights[node.input[1]]))
        elif node.op_type in ("MatMul", "Gemm"):
            total += int(np.prod(weights[node.input[1]]))
    return 2 * total / 1e9
