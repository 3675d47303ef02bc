from dataclasses import replace

import numpy as np
import pytest
from skimage.io import imread

from ensemble.abstention import Status
from ensemble.errors import InputError
from kikuchi.maps import (
    candidates_picture,
    confidence_picture,
    entropy_picture,
    first_choice_picture,
    members_picture,
    opening_picture,
    phase_picture,
    status_picture,
    write_map,
)
from kikuchi.maps.colours import SPACE_GROUP_COLOURS, STATUS_TONES, rgb_of
from kikuchi.maps.members_picture import outvoted_share
from kikuchi.maps.raster import decision_pixels, fade, first_choice_pixels, pixels

PICTURES = [
    phase_picture, status_picture, entropy_picture, confidence_picture, members_picture, opening_picture,
    first_choice_picture, candidates_picture,
]  # fmt: skip


def drawn(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


@pytest.mark.parametrize("name", ["four_statuses", "single", "one_row", "cropped", "hexagonal"])
@pytest.mark.parametrize("picture", PICTURES)
def test_nothing_is_clipped(picture, name, request):
    figure = picture(request.getfixturevalue(name))
    image = drawn(figure)
    assert image[..., :3].std() > 10
    width, height = figure.bbox.size
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert box.x0 > -2 and box.y0 > -2 and box.x1 < width + 2 and box.y1 < height + 2


@pytest.mark.parametrize("picture", [phase_picture, members_picture])
def test_scale_bar_has_a_round_length_where_the_step_is_known(picture, four_statuses, single):
    def labels(figure):
        return [t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text"))]

    assert "0.5 µm" in labels(picture(four_statuses))  # the map is 1.5 um wide
    assert not any(label.endswith("µm") for label in labels(picture(single)))


def test_legend_counts_points_and_shares(four_statuses):
    texts = [t.get_text() for t in phase_picture(four_statuses).legends[0].get_texts()]
    assert "225 Fm-3m\xa0 1 (16.7 %)" in texts
    assert "ambiguous\xa0 1 (16.7 %)" in texts


def test_solved_points_have_the_colour_of_their_group_and_reasons_their_tone(four_statuses):
    image = decision_pixels(four_statuses)
    height, width = image.shape[0] // 2, image.shape[1] // 3
    assert (image[:height, :width] == rgb_of(SPACE_GROUP_COLOURS[225])).all()
    assert (image[height:, 2 * width :] == rgb_of(SPACE_GROUP_COLOURS[229])).all()
    assert (image[height:, width : 2 * width] == rgb_of(STATUS_TONES[Status.UNREADABLE].colour)).all()
    ambiguous = {tuple(c) for c in image[:height, 2 * width :].reshape(-1, 3)}
    tone = STATUS_TONES[Status.AMBIGUOUS]
    assert ambiguous == {tuple(rgb_of(tone.colour)), tuple(rgb_of(tone.stripes))}


def test_missing_points_are_white(cropped):
    image = decision_pixels(cropped)
    assert (image[0, 0] == 255).all() and (image[-1, -1] == 255).all()
    assert (image[0, -1] == rgb_of(SPACE_GROUP_COLOURS[225])).all()


def test_odd_rows_of_a_hexagonal_map_are_shifted_by_half_a_point(hexagonal):
    image = pixels(hexagonal, np.ones(20), 0.0)
    rows = image.shape[0] // 4
    half = image.shape[1] // 11  # five points and a half
    first, second = image[0], image[rows]
    assert first[0] == 1 and first[-1] == 0 and second[0] == 0 and second[-1] == 1
    assert np.flatnonzero(second)[0] == half


def test_image_lays_values_out_and_fills_the_rest(cropped):
    image = cropped.image(np.arange(10))
    assert image.shape == (3, 4)
    assert np.isnan(image[0, 0]) and image[0, 1] == 0 and image[2, 2] == 9


def test_outvoted_share_of_three_experts():
    votes = np.array([[0, 0, 0, -1], [0, 0, 1, -1], [0, 1, 2, -1]])
    assert outvoted_share(votes)[:3] == pytest.approx([0, 1 / 3, 2 / 3])
    assert np.isnan(outvoted_share(votes)[3])


def test_write_map_writes_everything_and_leaves_nothing_else(four_statuses, tmp_path):
    files = write_map(four_statuses, tmp_path / "out")
    pictures = ["phase", "first_choice", "candidates", "entropy", "confidence", "status", "members"]
    names = ["map.h5", "map.csv", "map.ang", "map.ctf", "summary.json", *(f"{name}.png" for name in pictures)]
    assert [f.name for f in files] == names
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == sorted([*names, "figures"])
    assert imread(tmp_path / "out" / "phase.png").shape[0] > 300
    printed = [f"{name}.{kind}" for name in pictures for kind in ("svg", "pdf")]
    assert sorted(f.name for f in (tmp_path / "out" / "figures").iterdir()) == sorted(
        [*printed, "captions.md"]
    )


def test_captions_stand_apart_and_in_the_metadata_of_the_files(four_statuses, tmp_path):
    from PIL import Image

    write_map(four_statuses, tmp_path)
    captions = (tmp_path / "figures" / "captions.md").read_text(encoding="utf-8")
    words = "Calibrated probability of the group that the ensemble puts first"
    assert words in captions.split("## confidence")[1].split("## ")[0]
    with Image.open(tmp_path / "confidence.png") as picture:
        assert words in picture.text["Description"]
    drawing = (tmp_path / "figures" / "confidence.svg").read_text(encoding="utf-8")
    assert drawing.count(words) == 1 and "<dc:description>" in drawing
    assert "confidence (probability)" in drawing  # text stays text
    assert (tmp_path / "figures" / "confidence.pdf").read_bytes().startswith(b"%PDF")


def test_a_first_choice_without_an_answer_is_paler_the_less_sure_it_is(four_statuses):
    # By hand: of K = 3 a confidence of 1/3 keeps 0.18 of the colour, of 2/3 half of the way to 0.75, and 1 keeps 0.75.
    assert fade(np.array([1 / 3, 2 / 3, 1.0]), 3) == pytest.approx([0.18, 0.465, 0.75])
    image = first_choice_pixels(four_statuses)
    height, width = image.shape[0] // 2, image.shape[1] // 3
    assert (image[:height, :width] == rgb_of(SPACE_GROUP_COLOURS[225])).all()
    ambiguous = image[:height, 2 * width :].reshape(-1, 3)
    d = four_statuses.decision
    colour = rgb_of(SPACE_GROUP_COLOURS[four_statuses.classes[d.winner[2]]]).astype(float)
    share = 0.18 + 0.57 * (d.confidence[2] - 1 / 3) / (2 / 3)
    assert np.abs(ambiguous - (share * colour + (1 - share) * 255)).max() <= 1


def test_a_map_of_which_little_is_answered_opens_on_first_choices_beside_the_answers(four_statuses):
    assert len(opening_picture(four_statuses).axes) == 1  # three of six points are answered
    status = four_statuses.decision.status.copy()
    status[0] = 1
    little = replace(four_statuses, decision=replace(four_statuses.decision, status=status))
    figure = opening_picture(little)
    assert [a.get_title() for a in figure.axes] == [
        "first choice, faded by confidence",
        "answered: 2 of 6 points",
    ]
    labels = [t.get_text().split("\xa0 ")[0] for t in figure.legends[0].get_texts()]
    assert "solved" not in labels and "ambiguous" in labels


def test_pictures_are_the_same_whatever_style_a_session_has(one_row, tmp_path):
    """Libraries set Matplotlib for the whole process when they are imported: quapy asks for words of 18 points."""
    import matplotlib

    write_map(one_row, tmp_path / "plain")
    with matplotlib.rc_context({"font.size": 18, "figure.dpi": 200, "axes.facecolor": "black"}):
        write_map(one_row, tmp_path / "styled")
    for name in ("confidence.png", "figures/entropy.svg", "figures/phase.svg"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "styled" / name).read_bytes(), name


def test_legends_list_what_occurs(one_row):
    labels = [t.get_text().split("\xa0 ")[0] for t in status_picture(one_row).legends[0].get_texts()]
    assert labels == ["solved"]


def test_unwritable_folder_is_one_line_and_nothing_is_left(four_statuses, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(InputError, match=r"map\.h5: cannot be written.*\(give a folder"):
        write_map(four_statuses, tmp_path / "out")
    assert [f.name for f in tmp_path.iterdir()] == ["out"]
