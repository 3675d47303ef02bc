"""A bundle that no recorded pattern certified says so beside every promise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kikuchi.bundle.bundle import SHIPPED, SIMULATED_ALONE, Bundle
from kikuchi.scans import open_scan, scan_from_array
from kikuchi.simulate.scenes.writer import write_scan
from kikuchi.workflows.info import facts

OLD = Path(__file__).resolve().parents[2] / "data" / "format_1" / "bundle"


def made_of(*simulated: bool | None) -> Bundle:
    bundle = Bundle.load(OLD)
    materials = [{"name": str(i)} | ({} if s is None else {"simulated": s}) for i, s in enumerate(simulated)]
    return replace(bundle, manifest=bundle.manifest | {"materials": materials})


@pytest.mark.parametrize(
    ("simulated", "alone"),
    [
        ((True, True), True),
        ((True, False), False),
        ((False,), False),
        ((None, None), False),
        ((True, None), False),
    ],
)
def test_one_recorded_material_is_enough_to_be_held_to_the_promise(simulated, alone):
    bundle = made_of(*simulated)
    rule = bundle.abstentions[bundle.rule]
    rule = replace(rule, certificate=replace(rule.certificate, certified=True, certified_risk=0.02))
    promised = bundle.promised(rule).certificate
    assert bundle.simulated_alone is alone
    assert promised.message == rule.certificate.message + (f"; {SIMULATED_ALONE}" if alone else "")
    assert promised.certified_risk == 0.02
    assert bundle.promised(bundle.promised(rule)).certificate == promised
    bundle = replace(bundle, abstentions=bundle.abstentions | {bundle.rule: rule})
    assert (SIMULATED_ALONE in bundle.summary()) is alone


def test_the_shipped_ensemble_says_it():
    assert Bundle.load(SHIPPED).simulated_alone
    assert SIMULATED_ALONE in facts(Bundle.load(SHIPPED).path)["promise"]


def test_scans_say_whether_a_microscope_recorded_them(tmp_path):
    patterns = np.zeros((2, 60, 60), np.uint8)
    written = write_scan(
        tmp_path / "scan.h5",
        [(0, patterns)],
        grid=(1, 2),
        signal_shape=(60, 60),
        dtype=np.uint8,
        step_um=1.0,
        voltage_kv=20.0,
        pattern_centre=np.array([0.5, 0.4, 0.6]),
    )
    assert open_scan(written).simulated
    assert not scan_from_array(patterns).simulated
