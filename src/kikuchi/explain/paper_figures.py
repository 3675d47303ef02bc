"""The paper's figures for any bundle: kernels, feature maps, what members would like to see, and why they say so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.softmax import softmax
from kikuchi.bundle.background import Background
from kikuchi.bundle.bundle import Bundle
from kikuchi.explain.activation_maximisation import maximise
from kikuchi.explain.disagreement import Ensemble
from kikuchi.explain.grad_cam import grad_cam
from kikuchi.explain.kernel_picture import feature_picture, kernel_picture, wish_picture
from kikuchi.explain.kernels import feature_maps, first_kernels, nearest_kernels
from kikuchi.explain.pictures import png, shapley_overlay
from kikuchi.explain.shapley import Attribution

#: Pairs of first-layer kernels drawn, and of those whose feature maps are.
KERNELS, MAPPED = 8, 4

#: Classes drawn in an overlay at most, the most probable first.
SHOWN_CLASSES = 10

OVERLAY_CAPTION = (
    "Shapley values of the logit of each space group, by falling probability: red pixels speak for it, blue ones "
    "against; blurred by one pixel for the eye. Grad-CAM: what each place of the last convolution adds to that logit, "
    "where it adds anything."
)


def chosen_pair(bundle: Bundle, names: Sequence[str] | None) -> tuple[int, int] | None:
    """Return the numbers of the two members to compare.

    Parameters
    ----------
    bundle
        Whose members.
    names
        Two of its members; by default the first one and the first of another kind, or else the next one, of the same
        architecture.

    Returns
    -------
    tuple or None
        None where no two members have one architecture.

    Raises
    ------
    InputError
        The names are not two different members of this bundle.
    """
    specs = bundle.members
    if names is not None:
        known = {spec.name: number for number, spec in enumerate(specs)}
        if len(names) != 2 or names[0] == names[1] or not set(names) <= set(known):
            raise InputError(
                f"{' and '.join(names)!s} are not two members of this bundle",
                path=bundle.path,
                remedy=f"two of {', '.join(known)}",
            )
        return known[names[0]], known[names[1]]
    for first, spec in enumerate(specs):
        others = [i for i in range(first + 1, len(specs)) if specs[i].architecture == spec.architecture]
        if others:
            return first, next((i for i in others if specs[i].kind != spec.kind), others[0])
    return None


def draw_pair(
    ensemble: Ensemble, bundle: Bundle, background: Background, pair: tuple[int, int], folder: Path
) -> dict[str, Any]:
    """Draw the first layers of two members, what they make of one pattern per class, and what they like to see.

    Parameters
    ----------
    ensemble, bundle
        The members.
    background
        Patterns of every class; the first of each is drawn.
    pair
        Numbers of the two members.
    folder
        For ``kernels.png``, ``feature_maps.png`` and ``activation_maximisation.png``.

    Returns
    -------
    dict
        Names, distances and pictures.
    """
    members = [ensemble.members[i] for i in pair]
    specs = [bundle.members[i] for i in pair]
    names = (specs[0].name, specs[1].name)
    kernels = (first_kernels(members[0]), first_kernels(members[1]))
    matches = nearest_kernels(*kernels, KERNELS)
    wishes = [maximise(member, spec.size) for member, spec in zip(members, specs, strict=True)]
    pictures = {
        "kernels": kernel_picture(matches, kernels, names),
        "activation_maximisation": wish_picture(wishes, names, bundle.classes),
    }
    examples = one_per_class(background)
    if examples:
        patterns = [[background.prepared(spec.size)[i] for spec in specs] for i in examples.values()]
        maps = [(feature_maps(members[0], p), feature_maps(members[1], q)) for p, q in patterns]
        labels = [f"space group {bundle.classes[k]}" for k in examples]
        shown = [max(both, key=len) for both in patterns]
        pictures["feature_maps"] = feature_picture(matches[:MAPPED], shown, maps, labels, names)
    for name, figure in pictures.items():
        (folder / f"{name}.png").write_bytes(png(figure))
    return {
        "members": list(names),
        "distances": [m.distance for m in matches],
        "wished_margins": {
            name: [float(z[k, k] - np.delete(z[k], k).mean()) for k in range(len(z))]
            for name, (_, z) in zip(names, wishes, strict=True)
        },
        "pictures": {name: f"{name}.png" for name in pictures},
    }


def draw_examples(
    ensemble: Ensemble, bundle: Bundle, background: Background, which: Sequence[int], folder: Path
) -> list[dict[str, Any]]:
    """Draw the Shapley values of all classes for one pattern of each class and some members (Figs. 4 and S3).

    Parameters
    ----------
    ensemble, bundle, background
        As for `draw_pair`.
    which
        Numbers of the members.
    folder
        For ``class_<space group>_<member>.png``.
    """
    drawn = []
    for k, index in one_per_class(background).items():
        for member in which:
            spec, truth = bundle.members[member], bundle.classes[k]
            pattern = background.prepared(spec.size)[index]
            p = softmax(ensemble.logits(member, pattern[None]))[0]
            name = f"class_{truth}_{spec.name}.png"
            title = f"A pattern of space group {truth}, as {spec.name} sees it"
            worst = draw_overlay(folder / name, ensemble, member, pattern, p, bundle.classes, title)
            drawn.append(
                {
                    "space_group": truth,
                    "member": spec.name,
                    "vote": bundle.classes[int(p.argmax())],
                    "worst_error": worst,
                    "picture": name,
                }
            )
    return drawn


def draw_overlay(
    path: Path,
    ensemble: Ensemble,
    member: int,
    pattern: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[int],
    title: str,
    known: dict[int, Attribution] | None = None,
    *,
    only_known: bool = False,
) -> float:
    """Draw one member's Shapley values and Grad-CAM of the classes, ranked by probability.

    Parameters
    ----------
    path
        The PNG file.
    ensemble, member, pattern
        The member's number, and a pattern prepared for it, (s, s).
    probabilities
        That member's, (K,).
    classes
        Space-group numbers.
    title
        Above the picture.
    known
        Attributions made before, by class index.
    only_known
        Draw no others.

    Returns
    -------
    float
        The largest relative error of completeness.
    """
    ranked = [int(k) for k in np.argsort(-probabilities, kind="stable")[:SHOWN_CLASSES]]
    found = dict(known or {})
    if only_known:
        ranked = sorted(found, key=lambda k: -probabilities[k])
    missing = [k for k in ranked if k not in found]
    if missing:
        found |= zip(missing, ensemble.attributions(member, missing, pattern), strict=True)
    attributions = [found[k] for k in ranked]
    lit = grad_cam(ensemble.members[member], pattern)
    figure = shapley_overlay(
        pattern,
        attributions,
        [f"{classes[k]}: {probabilities[k]:.1%}" for k in ranked],
        title,
        OVERLAY_CAPTION,
        activations=[lit[..., k] for k in ranked],
    )
    path.write_bytes(png(figure))
    return max(a.error for a in attributions)


def shown_classes(classes: int) -> int:
    """Return how many of so many classes an overlay shows."""
    return min(SHOWN_CLASSES, classes)


def one_per_class(background: Background) -> dict[int, int]:
    """Return the first pattern of each class that has one: class index to position."""
    return {int(k): int(np.flatnonzero(background.labels == k)[0]) for k in np.unique(background.labels)}
