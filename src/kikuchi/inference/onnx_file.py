"""An exported member's file, looked through before a runtime has it: all of its weights lie in it."""

from pathlib import Path
from typing import Any

from ensemble.errors import InputError

_AGAIN = "delete it, it is made again"


def read_onnx(path: Path) -> bytes:
    """Read an ONNX file whose tensors are all in it.

    A tensor may also be kept anywhere else on the machine (ONNX IR, "External Tensor Data"), and a node may name a file
    that a runtime opens (``EPContext``): a file that was sent would have its reader load whatever it names. Exports
    made here do neither.

    Parameters
    ----------
    path
        The ``.onnx`` file.

    Returns
    -------
    bytes
        Its content, for a runtime to build from.

    Raises
    ------
    InputError
        It is missing, no ONNX, names another file, or the package ``onnx`` is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError("onnx is not installed", remedy="pip install 'kikuchi-ensemble[fast]'") from error
    try:
        content = path.read_bytes()
        model = onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf has exceptions of its own
        raise InputError("not a readable export", path=path, remedy=_AGAIN) from error
    ahead: list[Any] = [model]
    while ahead:
        message = ahead.pop()
        if isinstance(message, onnx.TensorProto):
            if message.external_data or message.data_location == onnx.TensorProto.EXTERNAL:
                raise InputError("keeps weights in another file", path=path, remedy=_AGAIN)
            continue
        if isinstance(message, onnx.NodeProto) and message.op_type == "EPContext":
            raise InputError("names another file", path=path, remedy=_AGAIN)
        for field, value in message.ListFields():
            if field.message_type is not None:
                ahead.extend(value if _repeated(field) else [value])
    return content


def _repeated(field: Any) -> bool:
    # Newer protobuf knows `is_repeated`; older ones have the label alone.
    known = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if known is None else known)
