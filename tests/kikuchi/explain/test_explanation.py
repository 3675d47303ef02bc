"""Explanations are the library's own objects: it draws them, and files give them back as they were."""

import numpy as np
import pytest
import shap

from ensemble.errors import InputError
from kikuchi.explain import (
    Attribution,
    Shapley,
    explain_disagreement,
    read_explanation,
    to_explanation,
    write_explanation,
)
from kikuchi.explain.shapley import METHODS


@pytest.fixture(scope="module")
def found(trained):
    x = trained.patterns[0]
    return x, explain_disagreement(trained.ensemble, [x, x], (0, 2))


def drawn(explained):
    """Let the library draw, and return what it drew: the axes of every pattern and output."""
    import matplotlib.pyplot as plt

    shap.plots.image(explained, show=False)
    axes = [a for a in plt.gcf().axes if a.get_label() != "<colorbar>"]
    titles = [a.get_title() for a in axes if a.get_title()]
    shown = [a.images[-1].get_array() for a in axes if len(a.images) == 2]
    plt.close("all")
    return titles, shown


def test_a_disagreement_is_drawn_by_the_library_with_its_values_and_names(found):
    x, disagreement = found
    explained = disagreement.to_explanation([x, x], (221, 225, 229), ["scratch", "transfer"])
    assert isinstance(explained, shap.Explanation)
    titles, shown = drawn(explained)
    assert titles == ["221", "229", "221 less 229"]
    assert len(shown) == 2 * 3
    np.testing.assert_allclose(shown[0], disagreement.logits[0][0].values)
    np.testing.assert_allclose(shown[5], disagreement.margins[1].values)


def test_the_margin_is_the_difference_of_the_two_outputs_beside_it(found):
    x, disagreement = found
    explained = disagreement.to_explanation([x, x], (221, 225, 229), ["scratch", "transfer"])
    np.testing.assert_allclose(
        explained.values[..., 2], explained.values[..., 0] - explained.values[..., 1], atol=1e-6
    )


def test_the_mutual_information_is_drawn_by_the_library_one_sample_a_member(found):
    x, disagreement = found
    explained = disagreement.uncertainty.to_explanation([x, x], ["scratch", "transfer"])
    titles, shown = drawn(explained)
    assert titles == ["mutual information"] and len(shown) == 2
    assert explained.base_values.sum() == pytest.approx(disagreement.uncertainty.base)


def test_one_attribution_converts_on_its_own():
    one = Attribution(np.array([[1.0, -2.0], [0.5, 0.0]]), value=1.5, base=2.0)
    explained = one.to_explanation(np.zeros((2, 2)), "225")
    assert explained.values.shape == (1, 2, 2, 1, 1) and explained.base_values.tolist() == [[2.0]]
    assert explained.values.sum() + explained.base_values.sum() == 1.5
    assert drawn(explained)[0] == ["225"]


def test_members_of_two_sizes_share_the_larger_grid_and_keep_their_sums():
    from kikuchi.explain import Disagreement, UncertaintyAttribution

    small = Attribution(np.ones((4, 4)), 16.0, 0.0)
    large = Attribution(np.full((8, 8), 0.5), 32.0, 0.0)
    both = Disagreement(
        (0, 1), ((small, small), (large, large)), UncertaintyAttribution((np.ones((4, 4)),) * 2, 32.0, 0.0)
    )
    explained = both.to_explanation([np.zeros((4, 4)), np.zeros((8, 8))], ("a", "b"), ["one", "two"])
    assert explained.values.shape == (2, 8, 8, 1, 3)
    np.testing.assert_allclose(explained.values[..., 0].sum(axis=(1, 2, 3)), [16, 32])


def test_a_file_gives_back_what_it_was_given(found, tmp_path):
    x, disagreement = found
    explained = disagreement.to_explanation([x, x], (221, 225, 229), ["scratch", "transfer"])
    again = read_explanation(write_explanation(tmp_path / "why.npz", explained))
    for name in ("values", "base_values", "data"):
        np.testing.assert_array_equal(getattr(again, name), getattr(explained, name))
    assert list(again.output_names) == ["221", "229", "221 less 229"]
    assert list(again.instance_names) == ["scratch", "transfer"]
    with np.load(tmp_path / "why.npz", allow_pickle=False) as arrays:  # nothing in it needs pickle
        assert {a.dtype.kind for a in arrays.values()} == {"f", "U"}


def test_files_that_are_no_explanation_are_refused_by_name(tmp_path):
    path = tmp_path / "why.npz"
    np.savez(path, values=np.zeros((1, 2, 2, 1, 1)))
    with pytest.raises(InputError, match=r"why\.npz: holds no base_values"):
        read_explanation(path)
    np.savez(
        path, values=np.zeros((1, 2, 2, 1, 1)), base_values=np.zeros((1, 1)), data=np.zeros((1, 3, 3, 1)),
        output_names=np.array(["a"]), instance_names=np.array(["b"]),
    )  # fmt: skip
    with pytest.raises(InputError, match="do not belong together"):
        read_explanation(path)
    np.save(path.with_suffix(".npy"), np.array([{}], object), allow_pickle=True)
    path.with_suffix(".npy").rename(path)
    with pytest.raises(InputError, match="missing or broken"):
        read_explanation(path)


def test_names_and_attributions_must_go_together():
    one = Attribution(np.zeros((2, 2)), 0.0, 0.0)
    with pytest.raises(InputError, match="2 names of patterns"):
        to_explanation([[one]], np.zeros((1, 2, 2)), ["a"], ["one", "two"])


@pytest.mark.slow
@pytest.mark.parametrize("way", [m for m in METHODS if m.startswith("shap-")])
@pytest.mark.filterwarnings("ignore")
def test_the_librarys_explainers_explain_what_they_are_asked(trained, way):
    model, background = trained.ensemble.members[0], trained.ensemble.backgrounds[0]
    x, asked = trained.patterns[1], np.array([[1.0, 0, 0], [0, 1.0, -1.0]])
    explain = Shapley(model, background, way)
    first, margin = explain(x, asked)
    again, opposite = explain(x, -asked)
    logits = trained.ensemble.logits(0, x[None])[0]
    assert first.value == pytest.approx(logits[0], abs=1e-4)
    assert margin.value == pytest.approx(logits[1] - logits[2], abs=1e-4)
    # Sums hold exactly where the method promises it; gradients at random places miss.
    assert max(first.error, margin.error) < (0.5 if way == "shap-gradient" else 1e-3)
    np.testing.assert_allclose(again.values, -first.values, atol=1e-5 * np.abs(first.values).max())
    np.testing.assert_allclose(opposite.values, -margin.values, atol=1e-5 * np.abs(margin.values).max())


@pytest.mark.filterwarnings("ignore")
def test_the_librarys_deep_explainer_is_what_ours_is_held_to(trained):
    model, background = trained.ensemble.members[1], trained.ensemble.backgrounds[1]
    x, asked = trained.patterns[2], np.array([[1.0, 0, -1.0]])
    theirs, ours = (Shapley(model, background, way)(x, asked)[0] for way in ("shap-deep", "deep"))
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-4 * np.abs(theirs.values).max())
    assert ours.base == pytest.approx(theirs.base, abs=1e-4)
