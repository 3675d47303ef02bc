"""What a scan's file says of its recording, against what the shipped members were trained on."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from kikuchi.bundle.bundle import Bundle
from kikuchi.postprocessing.recording_check import recording_message
from kikuchi.simulate.detector.distribution import between, constant
from kikuchi.simulate.detector.microscope import Detector


@pytest.fixture(scope="module")
def bundle():
    shipped = Bundle.load("shipped")
    detector = Detector(
        shape=(64, 64), pcx=between(0.4, 0.6), pcy=between(0.1, 0.5), pcz=between(0.45, 0.75), tilt=constant(0)
    )  # fmt: skip
    stream = shipped.recipe.stream.model_copy(update={"detector": detector})
    return replace(shipped, recipe=shipped.recipe.model_copy(update={"stream": stream}))


def scan(*centre, shape=(60, 60)):
    return SimpleNamespace(pattern_centre=centre or None, signal_shape=shape)


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (scan(), ""),
        (scan(0.5, 0.3, 0.6), ""),
        (scan(0.5, 0.3, 0.77), ""),
        (scan(0.5, 0.3, 1.1), "camera distance of 1.10 pattern heights, trained at 0.45 to 0.75"),
        (scan(0.5, 0.3, 0.4), "camera distance of 0.40 pattern heights, trained at 0.45 to 0.75"),
        (scan(0.7, 0.3, 0.6), "pattern centre 0.70 of the width from the left, trained at 0.4 to 0.6"),
        # Wider than high: members see a square as high as the pattern, 0.1 of 80 pixels is 8, of 60 then 0.13.
        (scan(0.6, 0.3, 0.6, shape=(60, 80)), "pattern centre 0.63 of the width from the left, trained at 0.4 to 0.6"),
        # Higher than wide: 0.6 of 80 pixels is 0.8 of 60.
        (scan(0.5, 0.3, 0.6, shape=(80, 60)), "camera distance of 0.80 pattern heights, trained at 0.45 to 0.75"),
    ],
)  # fmt: skip
def test_what_lies_outside_is_said_in_numbers(bundle, of, said):
    assert recording_message(bundle, of) == said


def test_nothing_is_said_where_recorded_patterns_certified_or_nothing_was_streamed(bundle):
    far = scan(0.5, 0.3, 1.1)
    own = replace(bundle, path=bundle.path.parent, manifest=bundle.manifest | {"materials": [{"name": "Ni"}]})
    assert not own.simulated_alone and recording_message(own, far) == ""
    no_stream = replace(bundle, recipe=bundle.recipe.model_copy(update={"stream": None}))
    assert recording_message(no_stream, far) == ""
