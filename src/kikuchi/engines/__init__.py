"""Engines: what runs a member. One contract; Keras, ONNX Runtime (32 or 8 bits), OpenVINO (bfloat16)."""

from kikuchi.engines.contract import CHOICES, MEASURED, STUDENTS, Engine
from kikuchi.engines.keras_engine import KerasEngine
from kikuchi.engines.onnx_engine import OnnxEngine
from kikuchi.engines.runner import Runner
from kikuchi.engines.shelf import WORTH_AN_EXPORT, engines_for
from kikuchi.engines.student import StudentRunner, student_of

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
