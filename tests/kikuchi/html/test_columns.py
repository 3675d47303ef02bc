import base64
import struct
import zlib

import numpy as np
import pytest

from kikuchi.html.columns import pack, probability_codes, quantise, unpack


def test_pack_is_base64_of_deflated_little_endian_numbers():
    column = pack(np.array([1, 256]), "u2")
    assert zlib.decompress(base64.b64decode(column["data"])) == struct.pack("<HH", 1, 256)


@pytest.mark.parametrize(("kind", "levels"), [("u1", 254), ("u2", 65534)])
def test_quantised_values_are_within_half_a_step(kind, levels):
    values = np.random.default_rng(0).normal(3, 2, 5000)
    column = quantise(values, kind)
    assert column["step"] == pytest.approx(np.ptp(values) / levels)
    back = column["low"] + unpack(column) * column["step"]
    assert np.abs(back - values).max() <= column["step"] / 2 * (1 + 1e-9)


def test_what_is_not_finite_is_missing():
    column = quantise(np.array([np.nan, 0.0, np.inf, -np.inf, 2.0]))
    assert unpack(column).tolist() == [65535, 0, 65535, 65535, 65534]
    assert (column["low"], column["high"], column["missing"]) == (0.0, 2.0, 65535)


def test_constant_and_wholly_missing_columns_are_no_special_case():
    assert unpack(quantise(np.full(3, 0.25))).tolist() == [0, 0, 0]
    assert unpack(quantise(np.full(2, np.nan), "u1")).tolist() == [255, 255]


def test_probabilities_keep_a_fixed_scale_and_nan_is_zero():
    assert probability_codes(np.array([0.0, 0.2, 1.0, np.nan]), "u1").tolist() == [0, 51, 255, 0]
    assert probability_codes(np.array([1.0]), "u2").tolist() == [65535]
