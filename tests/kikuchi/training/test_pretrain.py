"""Training without end: fresh crystals, the same from the same seed, and nothing twice."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.training.pretrain import CrystalStream


def stream(**changes):
    given = {"classes": (225, 229), "size": 32, "patterns": 24, "crystals": 2, "renewed": 1, "seed": 5}
    return CrystalStream(**given | changes)


def test_the_same_seed_gives_the_same_epochs_and_no_epoch_comes_twice():
    first, second = stream(), stream()
    epochs = [first(1), first(2)]
    for (x, y), epoch in zip(epochs, (1, 2), strict=True):
        again_x, again_y = second(epoch)
        np.testing.assert_array_equal(x, again_x)
        np.testing.assert_array_equal(y, again_y)
    assert not np.array_equal(epochs[0][0], epochs[1][0])


def test_patterns_are_prepared_and_labelled_by_class():
    x, y = stream()(1)
    assert x.shape == (24, 32, 32) and np.abs(x).max() <= 1
    assert set(y) == {0, 1}


def test_given_masters_take_their_share():
    flat = np.random.default_rng(0).random((41, 41), dtype=np.float32)
    master = MasterPattern("given", 229, 20.0, flat, flat, "dynamical")
    _, y = stream(masters=[master], share=0.5)(1)
    # Half of the patterns come from the one given master; the other half is drawn evenly from both classes.
    assert (y[12:] == 1).all() and set(y[:12]) == {0, 1}


def test_a_master_of_no_class_is_refused():
    flat = np.zeros((5, 5), np.float32)
    with pytest.raises(InputError, match="62"):
        stream(masters=[MasterPattern("cementite", 62, 20.0, flat, flat, "dynamical")])
