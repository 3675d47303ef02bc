"""Files of two runs in one folder are told apart by their run_id."""

from dataclasses import replace

import pytest

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi.maps.h5_file import write_h5
from kikuchi.maps.one_run import require_one_run


def test_a_folder_that_mixes_two_runs_is_refused_in_one_line(four_statuses, tmp_path):
    write_h5(replace(four_statuses, meta={"run_id": "a" * 32}), tmp_path / "map.h5")
    require_one_run(tmp_path)  # no summary yet
    atomic.write_json(tmp_path / "summary.json", {"run_id": "a" * 32})
    require_one_run(tmp_path)
    atomic.write_json(tmp_path / "summary.json", {"run_id": "b" * 32})
    with pytest.raises(InputError, match="mixes two runs") as refused:
        require_one_run(tmp_path)
    assert "\n" not in str(refused.value)


def test_files_that_say_nothing_of_a_run_are_not_asked(four_statuses, tmp_path):
    write_h5(replace(four_statuses, meta={}), tmp_path / "map.h5")
    atomic.write_json(tmp_path / "summary.json", {"run_id": "b" * 32})
    require_one_run(tmp_path)
    atomic.write_json(tmp_path / "summary.json", {})
    require_one_run(tmp_path)
