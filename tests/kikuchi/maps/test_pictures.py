import numpy as np
import pytest
from skimage.io import imread

from ensemble.abstention import Status
from ensemble.errors import InputError
from kikuchi.maps import (
    confidence_picture,
    entropy_picture,
    members_picture,
    phase_picture,
    status_picture,
    write_map,
)
from kikuchi.maps.colours import SPACE_GROUP_COLOURS, STATUS_TONES, rgb_of
from kikuchi.maps.members_picture import outvoted_share
from kikuchi.maps.raster import decision_pixels, pixels

PICTURES = [phase_picture, status_picture, entropy_picture, confidence_picture, members_picture]


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
    assert "225 Fm-3m\u20021 (16.7 %)" in texts
    assert "ambiguous\u20021 (16.7 %)" in texts


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
    names = "map.h5 map.csv map.ang map.ctf summary.json phase.png entropy.png confidence.png status.png members.png"
    assert [f.name for f in files] == names.split()
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == sorted(names.split())
    assert imread(tmp_path / "out" / "phase.png").shape[0] > 300


def test_unwritable_folder_is_one_line_and_nothing_is_left(four_statuses, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(InputError, match=r"map\.h5: cannot be written.*\(give a folder"):
        write_map(four_statuses, tmp_path / "out")
    assert [f.name for f in tmp_path.iterdir()] == ["out"]
