"""A few words for writing an ONNX graph: an operation at a time, arrays as they come."""

from typing import Any

import numpy as np

#: From here on these take their axes as an input, not as an attribute.
_AXES_AS_INPUT = {"ReduceSum": 13, "ReduceMax": 18, "ReduceMin": 18, "ReduceMean": 18}


class Graph:
    """Nodes and constants in the order they are asked for.

    Attributes
    ----------
    opset
        Version of ONNX' operators.
    nodes, constants
        What was asked for so far, ONNX' own messages.
    """

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """Name an array, or a NumPy number, as one of the graph's values."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(np.asarray(value)).reshape(np.shape(value)), name)
        )
        return name

    def op(self, kind: str, *inputs: Any, output: str | None = None, **attributes: Any) -> str:
        """Add one operation and return the name of what it gives.

        Parameters
        ----------
        kind
            ONNX' name of the operator.
        *inputs
            Names, or arrays, which become constants; their types must be those the operator wants.
        output
            What to call the result, where that matters.
        **attributes
            Of the operator.
        """
        from onnx import helper

        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        given = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [given], **attributes))
        return given

    def reduce(self, kind: str, x: str, axes: tuple[int, ...], *, keep: bool = True) -> str:
        """Reduce over axes, kept with length 1 unless told otherwise."""
        if self.opset >= _AXES_AS_INPUT[kind]:
            return self.op(kind, x, np.array(axes, np.int64), keepdims=int(keep))
        return self.op(kind, x, axes=list(axes), keepdims=int(keep))

    def cast(self, x: str, dtype: Any) -> str:
        """Change the type of a value."""
        from onnx import helper

        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
