"""A member run by ONNX Runtime on the processor, one core a call."""

from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.inference.onnx_file import read_onnx

#: Pixels of input in one call: a compact member's activations then stay near the caches, and a 299 x 299 Xception's
#: below 300 MB.
BATCH_PIXELS = 2**18

_AGAIN = "delete it, it is made again"


class OnnxEngine:
    """An exported member.

    A session works with one thread and is called from several: patterns are independent, so that whole batches side by
    side need no waiting for one another within a layer, and a second library's threads never come on top.

    Parameters
    ----------
    path
        The ``.onnx`` file.
    head
        See `kikuchi.inference.Engine`.
    name
        ``"onnx"`` or ``"int8"``.

    Raises
    ------
    InputError
        The file is missing or broken, keeps weights in another file, or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, head: dict[str, np.ndarray], name: str = "onnx") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(
                "ONNX Runtime is not installed", remedy="pip install 'kikuchi-ensemble[fast]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # one line says what is wrong with a file, not the runtime too
        content = read_onnx(path)
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
            self._input = self._session.get_inputs()[0].name
        except Exception as error:  # the runtime raises its own types for a missing and for a broken file
            raise InputError("not a readable export", path=path, remedy=_AGAIN) from error
        self.name = name
        self.head = head
        self._path = path

    def predict(self, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 logits (n, K) and features (n, F) of prepared patterns (n, size, size) in [-1, 1]."""
        n_features, n_classes = self.head["kernel"].shape
        logits = np.empty((len(patterns), n_classes), np.float32)
        features = np.empty((len(patterns), n_features), np.float32)
        batch = max(1, BATCH_PIXELS // (patterns.shape[1] * patterns.shape[2]))
        for start in range(0, len(patterns), batch):
            part = slice(start, start + batch)
            fed = np.ascontiguousarray(patterns[part], np.float32)[..., None]
            try:
                logits[part], features[part] = self._session.run(None, {self._input: fed})
            except Exception as error:  # its own types again, and outputs of other shapes
                raise InputError(
                    "is no export of this member: it does not run", path=self._path, remedy=_AGAIN
                ) from error
        return logits, features
