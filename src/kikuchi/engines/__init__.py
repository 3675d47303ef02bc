"""Engines: what runs a member. One contract; Keras, ONNX Runtime in single precision and in 8 bits."""

from kikuchi.engines.contract import CHOICES, Engine
from kikuchi.engines.keras_engine import KerasEngine
from kikuchi.engines.onnx_engine import OnnxEngine
from kikuchi.engines.runner import Runner
from kikuchi.engines.shelf import WORTH_AN_EXPORT, engines_for

__all__ = ["CHOICES", "WORTH_AN_EXPORT", "Engine", "KerasEngine", "OnnxEngine", "Runner", "engines_for"]
