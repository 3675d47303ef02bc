import pytest

from kikuchi.scans.readers.units import micrometres


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        *(("m", 1e6), ("cm", 1e4), ("mm", 1e3), ("um", 1), ("\u00b5m", 1), ("\u03bcm", 1), ("micron", 1)),
        *(("Microns", 1), ("micrometer", 1), ("micrometre", 1), ("nm", 1e-3), ("\u00c5", 1e-4)),
        *(
            ("\u212b", 1e-4),
            ("A", 1e-4),
            ("Angstrom", 1e-4),
            ("pm", 1e-6),
            ("picometers", 1e-6),
            (" nm ", 1e-3),
        ),
    ],
)
def test_half_a_micrometre_is_that_in_every_unit(unit, length):
    assert micrometres(unit) == pytest.approx(length)


@pytest.mark.parametrize("unit", ["", "s", "px", "Mm", "<undefined>", "1/nm", "eV", "M"])
def test_what_is_no_length_has_none(unit):
    assert micrometres(unit) is None
