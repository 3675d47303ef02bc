"""What `simulate` reports while it runs: every master pattern, the patterns, and the whole."""

from contextlib import contextmanager

import pytest

import kikuchi
from kikuchi._support.progress import Progress
from kikuchi.simulate import bloch_wave_master, cached_master, load_structure

MATERIALS = """
half_size = 12
voltage_kv = 20
{more}
[[material]]
name = "Ni"
count = 12
[[material]]
name = "Fe"
count = 7
[detector]
shape = [12, 12]
"""
MAP = (
    MATERIALS
    + """
[map]
shape = [4, 5]
grain_size = 2
phase = [{{ material = "Ni" }}]
"""
)


class Heard(Progress):
    """Remembers the bars in the order in which they are opened, and how far each came."""

    def __init__(self):
        self.bars, self.open, self.most_open = {}, 0, 0

    @contextmanager
    def bar(self, description, total):
        self.bars[description] = [total, 0]
        self.open += 1
        self.most_open = max(self.most_open, self.open)

        def step(steps):
            self.bars[description][1] += steps

        yield step
        self.open -= 1


@pytest.mark.parametrize(
    ("spec", "patterns"), [(MATERIALS, 12 + 7), (MAP, 4 * 5)], ids=["labelled scans", "a map"]
)
def test_every_master_and_every_pattern_is_counted_beside_the_whole(tmp_path, spec, patterns):
    (tmp_path / "spec.toml").write_text(spec.format(more=""))
    heard = Heard()
    kikuchi.simulate(tmp_path / "spec.toml", tmp_path / "out", progress=heard)
    whole, *parts = heard.bars
    assert (whole, parts) == (
        "simulating spec.toml",
        ["master pattern of Ni", "master pattern of Fe", "patterns"],
    )
    assert heard.bars["master pattern of Ni"] == heard.bars["master pattern of Fe"] == [100, 100]
    assert heard.bars["patterns"] == [patterns, patterns]
    total, done = heard.bars[whole]
    assert total - 1 <= done <= total
    assert heard.most_open == 2, "the whole and one part of it"


def test_a_dynamical_master_from_the_cache_fills_its_bar_too(tmp_path, monkeypatch):
    monkeypatch.setenv("KIKUCHI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "spec.toml").write_text(MATERIALS.format(more='diffraction = "dynamical"'))
    for time in ("computed", "read"):
        heard = Heard()
        kikuchi.simulate(tmp_path / "spec.toml", tmp_path / time, progress=heard)
        assert heard.bars["master pattern of Ni"] == [100, 100]
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2


@pytest.mark.parametrize(("name", "directions"), [("Ni", 15), ("GaAs", 2 * 25)])
def test_bloch_waves_count_directions_of_both_hemispheres_and_all_energies(name, directions):
    """By Burnside: of 9 x 9 pixels 4mm leaves 15 apart, two diagonal mirrors (81 + 9 + 9 + 1) / 4 = 25."""
    calls = []
    structure = load_structure(name)
    bloch_wave_master(structure, half_size=4, min_dspacing=1.0, advance=lambda *c: calls.append(c))
    total = 3 * directions  # three groups of energies
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_listening_is_no_part_of_a_masters_key(tmp_path):
    structure, how = load_structure("Ni"), {"half_size": 4, "min_dspacing": 1.0, "folder": tmp_path}
    cached_master(bloch_wave_master, structure, **how)
    calls = []
    cached_master(bloch_wave_master, structure, **how, advance=lambda *c: calls.append(c))
    assert calls == [] and len(list(tmp_path.glob("*.npz"))) == 1
