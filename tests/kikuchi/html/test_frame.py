import base64
import hashlib
import json
import re

import pytest

from kikuchi.html.evaluation_report import write_evaluation_report
from kikuchi.html.frame import script_json
from kikuchi.html.map_report import write_map_report

NASTY = "</script><script>alert(1)</script><!-- & \u2028"


def test_no_text_can_close_the_data_block():
    text = str(script_json({"name": NASTY}))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"name": NASTY}


def test_nan_is_refused_because_json_has_no_word_for_it():
    with pytest.raises(ValueError, match="JSON compliant"):
        script_json(float("nan"))


def test_names_from_files_are_escaped_wherever_they_stand(tmp_path, make_map):
    drawn = make_map(3, 4, name=NASTY, members=(NASTY, "b"))
    page = write_map_report(drawn.phase_map, tmp_path / "report.html", explanations={0: (b"PNG", NASTY)})
    html = page.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_policy_lets_only_the_page_s_own_scripts_run(tmp_path, drawn):
    html = write_map_report(drawn.phase_map, tmp_path / "report.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy.split("script-src")[1].split(";")[0]


@pytest.mark.parametrize("kind", ["map", "evaluation"])
def test_pages_name_nothing_outside_themselves(tmp_path, drawn, kind):
    if kind == "map":
        page = write_map_report(drawn.phase_map, tmp_path / "page.html", patterns=drawn.patterns)
    else:
        page = write_evaluation_report({"title": "t", "sections": []}, {}, tmp_path / "page.html")
    html = page.read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)[^"']*""", html) == []
    assert not re.search(r"https?://|@import|url\(", html)
