import base64
import re
import zlib

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.html.map_report import write_map_report
from kikuchi.html.side_folder import write_pieces


def bytes_of(piece):
    text = piece.read_text(encoding="ascii")
    (data,) = re.findall(r'^kikuchiChunk\("\w{16}","\w+",\d+,"([^"]*)"\);$', text.strip())
    return np.frombuffer(zlib.decompress(base64.b64decode(data)), np.uint8)


def test_large_maps_keep_patterns_beside_the_page_in_scan_order(tmp_path, make_map):
    drawn = make_map(3, 5)
    asked = []

    def patterns(indices):
        asked.append(indices.tolist())
        return drawn.patterns[indices]

    write_map_report(drawn.phase_map, tmp_path / "scan.html", patterns=patterns, inline_bytes=0)
    piece = tmp_path / "scan_data" / "patterns_00000.js"
    assert np.array_equal(bytes_of(piece), drawn.patterns.ravel())
    assert asked[-1] == list(range(15))


def test_a_record_is_the_pool_and_then_each_member_on_255_levels(tmp_path, make_map):
    drawn = make_map(2, 2)
    write_map_report(drawn.phase_map, tmp_path / "scan.html", inline_bytes=0)
    records = bytes_of(tmp_path / "scan_data" / "detail_00000.js").reshape(4, 3, 3) / 255
    expected = np.stack(
        [drawn.phase_map.decision.probabilities, *drawn.phase_map.member_probabilities], axis=1
    )
    assert np.abs(records - expected).max() <= 0.5 / 255 + 1e-6


def test_pieces_of_an_earlier_report_go_and_other_files_stay(tmp_path, make_map):
    drawn = make_map(2, 2)
    page = tmp_path / "report.html"
    write_map_report(drawn.phase_map, page, inline_bytes=0)
    mine = tmp_path / "report_data" / "notes.txt"
    mine.write_text("keep me", encoding="utf-8")
    write_map_report(drawn.phase_map, page)
    assert [file.name for file in mine.parent.iterdir()] == ["notes.txt"]


def test_small_maps_leave_one_file_and_nothing_else(tmp_path, make_map):
    drawn = make_map(2, 2)
    write_map_report(drawn.phase_map, tmp_path / "report.html", patterns=drawn.patterns)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="side folder cannot be written"):
        write_pieces(blocked / "folder", "0" * 16, "detail", iter([np.zeros(1, np.uint8)]))
