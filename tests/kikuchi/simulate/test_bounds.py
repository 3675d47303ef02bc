"""What no machine has room for is refused in one line before anything is made."""

import pytest

from ensemble.errors import InputError
from kikuchi.simulate import simulate
from kikuchi.simulate.scenes import simulation
from kikuchi.simulate.scenes.spec import spec_from_dict

NI = {"name": "Ni", "count": 5}
MAP = {"phase": [{"material": "Ni"}]}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"detector": {"shape": [100_000, 100_000]}}, "at most 8192 rows and columns"),
        ({"detector": {"shape": [1, 60]}}, "at least 2 rows"),
        ({"detector": {"shape": [60, -1]}}, "at least 2 rows"),
        ({"material": [{"name": "Ni", "count": 10**12}]}, "less than or equal to 100000000"),
        ({"material": [{"name": "Ni", "count": 0}]}, "greater than or equal to 1"),
        ({"half_size": 10**6}, "less than or equal to 2000"),
        ({"half_size": 2}, "greater than or equal to 10"),
        ({"map": MAP | {"shape": [20_000, 20_000]}}, "400000000 points, more than 100000000"),
        ({"map": MAP | {"shape": [10**9, 2]}}, "less than or equal to 20000"),
        ({"map": MAP | {"grain_size": 1e-6}}, "grain_size is far below the step of 1"),
        ({"map": MAP | {"step": float("inf")}}, "finite"),
        ({"map": MAP | {"step": float("nan")}}, "step"),
        (
            {"map": MAP | {"precipitate": [{"material": "Ni", "matrix": "Ni", "radius": 1e-9}]}},
            "radius is far below",
        ),
        ({"voltage_kv": float("inf")}, "finite"),
        ({"microscope": {"dose": float("nan")}}, "not finite"),
    ],
)
def test_sizes_that_no_one_means_are_refused_by_their_key(changed, what):
    with pytest.raises(InputError, match=what) as refused:
        spec_from_dict({"material": [NI]} | changed)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("in_a_map", [False, True])
def test_what_the_disk_has_no_room_for_is_refused_before_any_master(in_a_map, tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "material_master", lambda *_: pytest.fail("a master was made"))
    # 10^8 patterns of 8192 x 8192 pixels are 6.7 petabytes.
    given = {"material": [{"name": "Ni", "count": 10**8}], "detector": {"shape": [8192, 8192]}}
    if in_a_map:
        given["map"] = MAP | {"shape": [10_000, 10_000]}
    with pytest.raises(InputError, match=r"No space left on the disk: it takes 6\.71e\+03 TB"):
        simulate(spec_from_dict(given), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_the_memory_has_no_room_for_is_refused_before_any_master(tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "material_master", lambda *_: pytest.fail("a master was made"))
    monkeypatch.setattr(simulation, "require_room", lambda *_: None)
    monkeypatch.setattr(simulation, "_memory", lambda: 2**30)
    with pytest.raises(InputError, match=r"not memory enough for 100000000 patterns of 2 x 2 .* 55\.9 GiB"):
        simulate(
            spec_from_dict({"material": [{"name": "Ni", "count": 10**8}], "detector": {"shape": [2, 2]}}),
            tmp_path,
        )
