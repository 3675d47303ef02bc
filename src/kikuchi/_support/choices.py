"""Words that the options of commands and verbs take, as types. Importing them loads nothing."""

from typing import Literal

#: What runs the members; ``auto`` is ONNX Runtime where its parity is proved and the scan is worth an export.
EngineName = Literal["auto", "keras", "onnx", "int8", "bf16", "student", "student-bf16"]

#: When a pattern needs no further member, see `kikuchi.inference.predictor.answering`.
Stop = Literal["never", "exact", "cascade"]

#: What grains are found by, see `kikuchi.postprocessing.grain_segmentation`.
GrainsBy = Literal["orientations", "patterns"]

#: Whose answer a map shows.
Decide = Literal["points", "grains"]

#: How logits are attributed to pixels, see `kikuchi.explain`.
ExplainBy = Literal["auto", "deep", "gradients", "shap-deep", "shap-gradient", "shap-partition"]
