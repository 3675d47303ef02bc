"""Engines: what runs a member. One contract; Keras, ONNX Runtime (32 or 8 bits), OpenVINO (bfloat16)."""

from kikuchi.inference.engine import CHOICES, MEASURED, STUDENTS, Engine
from kikuchi.inference.exports import WORTH_AN_EXPORT, engines_for
from kikuchi.inference.keras_engine import KerasEngine
from kikuchi.inference.onnx_engine import OnnxEngine
from kikuchi.inference.runner import Runner
from kikuchi.inference.student import StudentRunner, student_of

__all__ = [
    "CHOICES",
    "MEASURED",
    "STUDENTS",
    "WORTH_AN_EXPORT",
    "Engine",
    "KerasEngine",
    "OnnxEngine",
    "Runner",
    "StudentRunner",
    "engines_for",
    "student_of",
]
