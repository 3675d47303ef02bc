"""Auxiliary task: while it trains, a member is also asked what every part of the screen looks at.

A label is one word for 64 x 64 pixels. Of a simulated pattern it is known as well which direction of the crystal each
part of the screen sees, and being asked for it, a network learns to find zone axes long before the labels alone would
have taught it: half the patterns for the same loss (``reports/simulation``). What answers is left out of the member.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from kikuchi.members.schedule import Training

#: Of a backbone's feature maps the last one of this share of the input's side is asked.
SHARE = 8

#: The layer that answers.
LAYER = "guide"

#: Numbers that are asked for each part of the screen (`kikuchi.simulate.training.zone_axis_targets`).
TARGETS = 8


def auxiliary_cells(backbone: "keras.Model", size: int) -> int:
    """Return the parts along a side that a backbone of that input size is asked about."""
    return int(_asked(backbone, size).shape[1])


def training_half(model: "keras.Model", training: "Training") -> "keras.Model":
    """Return the part of a member that training needs; its layers are the member's own.

    Returns
    -------
    keras.Model
        Takes patterns (n, size, size, 1); gives logits (n, K), and with the auxiliary task also answers
        (n, cells, cells, `TARGETS`).
    """
    import keras

    if not training.auxiliary_weight:
        return keras.Model(model.inputs, model.outputs[0], name=f"{model.name}_training")
    backbone, patterns = model.get_layer("backbone"), model.inputs[0]
    asked = _asked(backbone, patterns.shape[1])
    answer = keras.layers.Conv2D(TARGETS, 1, use_bias=False, name=LAYER)(asked)
    stacked = patterns
    if backbone.input_shape[-1] == 3:
        stacked = model.get_layer("stack")([patterns] * 3)
    two = keras.Model(backbone.inputs, [backbone.outputs[0], answer], name=f"{LAYER}d_backbone")
    features, answers = two(stacked)
    logits = model.get_layer("head")(model.get_layer("dropout")(features))
    return keras.Model(patterns, [logits, answers], name=f"{model.name}_training")


def auxiliary_variables(half: "keras.Model") -> list[Any]:
    """Return the variables of a training half that are not the member's."""
    import keras

    inner = [x for layer in half.layers if isinstance(layer, keras.Model) for x in layer.layers]
    return [v for layer in inner if layer.name == LAYER for v in layer.variables]


def _asked(backbone: "keras.Model", size: int) -> Any:
    """Return the last feature map whose side is nearest to a share of the input's, after its activation."""
    import keras

    maps = [x.output for x in backbone.layers if isinstance(x, keras.layers.Activation)]
    return min(reversed(maps), key=lambda tensor: abs(tensor.shape[1] - size / SHARE))
