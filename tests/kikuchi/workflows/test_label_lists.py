"""Lists of labels as spreadsheets save them."""

import numpy as np
import pytest
from PIL import Image

from kikuchi.workflows.label import read_labels


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_list_is_read_in_the_encoding_of_the_spreadsheet(encoding, separator, tmp_path):
    folder = tmp_path / "Prüfung"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(np.full((12, 16), i, np.uint8)).save(folder / f"p_{i}.png")
    rows = [("scan", "index", "space_group", "material")]
    rows += [("Prüfung", "0", "225", "Öl"), ("Prüfung", "2", "229", "Fe"), ("Prüfung", "1", "", "")]
    text = "\r\n".join(separator.join(row) for row in rows) + "\r\n"
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    data = read_labels(tmp_path / "labels.csv")
    assert [(m.name, m.space_group, m.points) for m in data.materials] == [
        ("Öl", 225, (0,)),
        ("Fe", 229, (2,)),
    ]
