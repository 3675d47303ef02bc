"""A member run by OpenVINO in bfloat16, on processors that have matrix units for it."""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.threads import cores
from kikuchi.inference.onnx_engine import BATCH_PIXELS
from kikuchi.inference.onnx_file import read_onnx

NAME = "bf16"

#: Batches are filled up to a multiple of so many patterns, or to a whole batch.
_STEP = 8

_ALONE = threading.Lock()


def bf16_missing() -> str | None:
    """Say why this machine cannot run members in bfloat16, None where it can."""
    try:
        import openvino
    except ImportError:
        return "OpenVINO is not installed"
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return None if "BF16" in capabilities else "this processor does not multiply bfloat16"


class Bf16Engine:
    """An exported member whose convolutions run in bfloat16: 8 bits of every number, the range of 32.

    The head runs in single precision on the features, since calibration lives in small differences of the logits. One
    stream a core: as with ONNX Runtime, whole batches side by side are the parallelism.

    Parameters
    ----------
    path
        The ``.onnx`` file, as in single precision.
    head
        See `kikuchi.inference.Engine`.
    name
        ``"bf16"`` or ``"student-bf16"``.

    Raises
    ------
    InputError
        The file is missing or broken, OpenVINO is not installed, or the processor has no bfloat16: what was measured
        and calibrated in it does not hold for anything else.
    """

    def __init__(self, path: Path, head: dict[str, np.ndarray], name: str = NAME) -> None:
        self.name = name
        if (reason := bf16_missing()) is not None:
            other = "auto" if name == NAME else name.removesuffix(f"-{NAME}")
            raise InputError(
                reason, remedy=f"map with --engine {other}, or pip install 'kikuchi-ensemble[fast]'"
            )
        import openvino

        read_onnx(path)
        try:
            self._model: Any = openvino.Core().compile_model(
                path,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": "bf16",
                    "INFERENCE_NUM_THREADS": cores(),
                    "NUM_STREAMS": cores(),
                },
            )
        except Exception as error:  # the runtime raises its own types for a missing and for a broken file
            raise InputError(
                "not a readable export", path=path, remedy="delete it, it is made again"
            ) from error
        self.head = head
        self._local = threading.local()
        self._first_alone()

    def _first_alone(self) -> None:
        """Run once before several threads may.

        OpenVINO's binding fills tables at their first use, waits for the interpreter meanwhile, and lets it go to a
        thread that waits for the tables: two threads that begin together stand still for good (seen in 2026.4.1).
        """
        side = self._model.inputs[0].partial_shape[1].get_length()
        with _ALONE:
            self._model.create_infer_request().infer(
                {0: np.zeros((1, side, side, 1), np.float32)}, share_inputs=True
            )

    def predict(self, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 logits (n, K) and features (n, F) of prepared patterns (n, size, size) in [-1, 1]."""
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        features = np.empty((len(patterns), self.head["kernel"].shape[0]), np.float32)
        batch = max(1, BATCH_PIXELS // (patterns.shape[1] * patterns.shape[2]))
        for start in range(0, len(patterns), batch):
            part = patterns[start : start + batch]
            # OpenVINO builds its kernels anew for every length of a batch: there are few lengths.
            length = min(batch, -(-len(part) // _STEP) * _STEP)
            fed = np.zeros((length, *patterns.shape[1:], 1), np.float32)
            fed[: len(part), ..., 0] = part
            # Outputs are logits and features, in Keras' order.
            found = self._local.request.infer({0: fed}, share_inputs=True)[1]
            features[start : start + len(part)] = found[: len(part)]
        return features @ self.head["kernel"] + self.head["bias"], features
