"""The pages of explanations hold every picture and every number they are given."""

import re

import pytest

from kikuchi.explain.page import write_members_page, write_page

PNG = b"\x89PNG\r\n\x1a\n"
COMPARED = {"members": ["scratch-1", "transfer-1"], "pictures": {"kernels": "kernels.png"}}
BACKGROUND = {"origin": "stored with the bundle", "patterns": 36}


def point(truth):
    share = {"attribution": 0.61234, "area": 0.31234}
    placed = {
        key: {"bands": share, "zone_axes": share} for key in ("shared", "parting", "mutual_information")
    }
    member = {"name": "scratch-1", "vote": 225, "logits": [{"value": 2.5}, {"value": 0.5}], "margin": 2.0,
              "margin_error": 1e-6, "mutual_information_share": 0.125}  # fmt: skip
    return {
        "index": 7, "row": 0, "col": 7, "reason": "split vote", "pair": [225, 221], "members": [member],
        "mutual_information": {"value": 0.4321}, "seconds": 3.0, "picture": "point_7.png", "caption": "why",
        "classes_picture": "point_7_classes.png", "truth": {"phase": "Ni"} | placed if truth else None,
        "trust": {"member": "scratch-1", "deletion_gain": 1.25, "insertion_gain": 1.75},
    }  # fmt: skip


@pytest.mark.parametrize("truth", [True, False], ids=["simulated", "real"])
def test_a_map_page_says_where_attributions_lie_only_where_that_is_known(tmp_path, truth):
    for name in ("point_7.png", "point_7_classes.png", "kernels.png"):
        (tmp_path / name).write_bytes(PNG)
    page = write_page(
        {
            "map": "Ni", "explained_points": 1, "chosen_points": 1, "seconds": 3.0, "method": "deep",
            "backend": "tensorflow", "background": BACKGROUND, "worst_error": 0.01, "worst_missed": 0.001,
            "worst_uncertainty_error": 0.02, "worst_uncertainty_missed": 0.003, "points": [point(truth)],
            "left_out": ["point 9 (split vote)"],
            "randomised": {"member": "scratch-1", "index": 7, "rank_correlation": 0.03}, "compared": COMPARED,
        },
        tmp_path,
    ).read_text(encoding="utf-8")  # fmt: skip
    assert len(re.findall(r'<figure class="picture wide">', page)) == 3
    assert "0.432" in page and "1.25" in page and "Left out for want of time: point 9 (split vote)." in page
    assert ("it is Ni" in page and "0.612" in page) == truth


def test_a_page_of_members_shows_each_example(tmp_path):
    example = {
        "space_group": 225,
        "member": "scratch-1",
        "vote": 221,
        "worst_error": 0.01,
        "picture": "class.png",
    }
    for name in ("class.png", "kernels.png"):
        (tmp_path / name).write_bytes(PNG)
    page = write_members_page(
        {"bundle": "run", "space_groups": [221, 225], "method": "gradients", "backend": "torch", "seconds": 1.0,
         "background": BACKGROUND, "worst_error": 0.0123, "compared": COMPARED, "examples": [example]},
        tmp_path,
    ).read_text(encoding="utf-8")  # fmt: skip
    assert "scratch-1 says 221 of a pattern of 225" in page
    assert "0.012" in page and "expected gradients" in page
