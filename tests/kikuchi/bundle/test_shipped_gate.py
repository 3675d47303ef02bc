"""The gate of the shipped ensemble on real patterns: what is no class, and what is one."""

import numpy as np

from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.bundle.outputs import read_held_out
from kikuchi.bundle.strangers import read_strangers
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import background_for, open_scan


def decided(bundle, scan):
    background = background_for(scan, bundle.preparation(bundle.members[0]))
    return bundle.decide(bundle.member_outputs(scan.read(slice(None)), background))


def test_real_cementite_is_unfamiliar_and_real_nickel_is_not(shared):
    import kikuchipy

    bundle = Predictor.load("shipped")
    cementite = open_scan(shared / "real" / "cementite" / "Fe3C.tif")
    assert decided(bundle, cementite).status.tolist() == [2]
    nickel = open_scan(kikuchipy.data.nickel_ebsd_small())
    assert (decided(bundle, nickel).status != 2).all()


def test_the_gate_flags_half_of_the_strangers_and_few_of_the_test_crystals():
    bundle = Predictor.load("shipped")
    strangers = read_strangers(SHIPPED_FOLDER / "strangers.npz", ())
    limit = bundle.abstentions[bundle.rule].familiarity_threshold
    # In the unit of what is decided by: 1 for the mean familiar pattern, 2 at the gate's own threshold.
    aside = 1 + bundle.gate.score(strangers.features[strangers.judges]) / bundle.gate.threshold
    assert (aside > limit).mean() > 0.5
    assert np.mean(bundle.held_out.test.outputs.unfamiliarity > limit) < 0.06
    # Distances to training features alone flag hardly any at the same rate.
    distance = read_held_out(SHIPPED_FOLDER / "held_out.npz").test.outputs.unfamiliarity
    assert (strangers.features[strangers.judges][:, 0] > np.log(np.quantile(distance, 0.95))).mean() < 0.3
