import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from kikuchi.scans.readers.aztec_tag import aztec_geometry, aztec_metadata, parse_aztec_xml

XML = """<?xml version="1.0" encoding="us-ascii"?><oina-image image-type="ebsp"><ebsp-image>
<pattern-center-x-pu>0.5</pattern-center-x-pu><pattern-center-y-pu>0.4</pattern-center-y-pu>
<detector-distance-pu>0.6</detector-distance-pu><sem-acc-voltage-kv>15</sem-acc-voltage-kv>
<specimen-tilt-deg>70</specimen-tilt-deg></ebsp-image></oina-image>"""


def test_tag_survives_a_tiff(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((20, 24), np.uint8), extratags=[(51122, 2, 0, XML, True)])
    assert aztec_metadata(path)["sem-acc-voltage-kv"] == 15


def test_geometry_turns_to_brukers_convention():
    # a = 200 / 100 = 2: (x, 1 - a y, a z), as kikuchipy documents.
    voltage, tilt, centre = aztec_geometry(parse_aztec_xml(XML), (100, 200))
    assert (voltage, tilt) == (15, 70)
    np.testing.assert_allclose(centre, (0.5, 0.2, 1.2))


def test_tiff_without_the_tag_has_no_geometry(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 24), np.uint8))
    assert aztec_metadata(tmp_path / "a.tif") == {}
    assert aztec_geometry({}, (20, 24)) == (None, None, None)


@pytest.mark.parametrize("value", ["-5", "1e9", "nan", "much", ""])
def test_voltage_out_of_range_is_unknown(value):
    assert aztec_geometry(parse_aztec_xml(XML.replace(">15<", f">{value}<")), (20, 24))[0] is None


def test_entities_are_never_expanded():
    laughs = '<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;">]><a><d>&c;</d></a>'
    assert parse_aztec_xml(laughs) == {}


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=100), st.integers(0, len(XML)).map(lambda n: XML[:n] + XML[n + 3 :])))
def test_no_text_does_worse_than_being_ignored(text):
    values = parse_aztec_xml(text)
    assert all(isinstance(value, str) or np.isfinite(value) for value in values.values())
    aztec_geometry(values, (20, 24))
