"""The figures of the study, from its results and from the stored outputs of the maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi._support import atomic
from kikuchi.bundle.bundle import Bundle
from kikuchi.evaluation.predictors import BEST_SINGLE_NAME
from kikuchi.html.figures import LINE_COLOURS, loss_history
from kikuchi.maps.colours import ENTROPY_COLOURS, NO_PATTERN_COLOUR, SPACE_GROUP_COLOURS, STATUS_TONES, rgb_of
from kikuchi.scans import open_scan
from kikuchi.simulate import load_structure
from reports.paper.parts.config import Map, Study
from reports.paper.parts.everybody import everybody
from reports.paper.parts.maps import as_labelled, map_folder
from reports.paper.parts.patterns import map_scan_file, truth_of
from reports.paper.parts.peers import peers_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Electrons' worth of X-rays a point of the simulated aluminium map counts where all atoms are aluminium.
AL_COUNTS = 200


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG."""
    with atomic.replaced(path) as partial:
        figure.savefig(partial, dpi=110)


def draw_losses(protocol: dict[str, Any]) -> "Figure":
    """Draw the paper's Fig. 1: losses of every epoch, mean and standard deviation over the trials."""
    return loss_history(
        {
            kind: list(zip(found["loss"], found["validation_loss"], strict=True))
            for kind, found in protocol["approaches"].items()
        }
    )


def draw_growth(ensembles: dict[str, Any], rule: str) -> "Figure":
    """Draw error, log-loss and calibration error against the number of members, by composition."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.3), layout="constrained")
    for axes, (score, name) in zip(
        figure.subplots(1, 3),
        (("error", "error, %"), ("log_loss", "log-loss, nats"), ("ece", "ECE, %")),
        strict=True,
    ):
        scale = 1 if score == "log_loss" else 100
        for composition, colour in zip(("scratch", "transfer", "both"), LINE_COLOURS, strict=False):
            rows = [r for r in ensembles["growth"] if (r["composition"], r["rule"]) == (composition, rule)]
            axes.errorbar(
                [r["members"] for r in rows],
                [scale * r[score]["mean"] for r in rows],
                [scale * r[score]["sd"] for r in rows],
                color=colour,
                marker="o",
                markersize=3,
                capsize=2,
                label=composition,
            )
        axes.set(xlabel="members", ylabel=name, ylim=(0, None))
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    return figure


def draw_shift(shift: dict[str, Any], rule: str) -> "Figure":
    """Draw accuracy, calibration error and coverage along every axis: ensemble and best single network."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["axis"] for row in shift["conditions"]))
    figure = Figure(figsize=(8.5, 1.55 * len(names) + 0.4), layout="constrained")
    grid = figure.subplots(len(names), 3, sharey="col", squeeze=False)
    scores = (("accuracy", "accuracy, %"), ("ece", "ECE, %"), ("coverage", "answered, %"))
    for row, axis in enumerate(names):
        here = sorted((r for r in shift["conditions"] if r["axis"] == axis), key=lambda r: r["value"])
        places = [r["value"] for r in here]
        for axes, (score, label) in zip(grid[row], scores, strict=True):
            for name, colour in ((rule, LINE_COLOURS[0]), (BEST_SINGLE_NAME, LINE_COLOURS[1])):
                values = [100 * r["scores"][name][score] for r in here]
                axes.plot(places, values, color=colour, marker="o", markersize=3, label=name)
                unchanged = 100 * shift["unchanged"]["scores"][name][score]
                axes.axhline(unchanged, color=colour, linestyle=":", linewidth=0.8)
            if 0 < 8 * min(places) <= max(places):
                axes.set_xscale("log", base=2)
            axes.set_xlabel(axis, fontsize=7.5)
            if row == 0:
                axes.set_title(label, fontsize=9)
    grid[0][0].legend(frameon=False, fontsize=7)
    return figure


def draw_unknown(unknown: dict[str, Any]) -> "Figure":
    """Draw what is said of every unknown material, beside the known ones."""
    from matplotlib.figure import Figure

    rows = [("known groups, test", unknown["known"])]
    rows += [(f"{m['material']} ({m['space_group']})", m) for m in unknown["materials"]]
    figure = Figure(figsize=(7.5, 0.32 * len(rows) + 1.1), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(rows))
    for status, tone in STATUS_TONES.items():
        share = np.array([100 * found[status.name.lower()] for _, found in rows])
        axes.barh(
            range(len(rows)),
            share,
            left=left,
            color=tone.colour,
            edgecolor=tone.stripes,
            hatch=4 * tone.slope,
            linewidth=0,
            label=status.name.lower(),
        )
        left += share
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set(xlabel="patterns, %", xlim=(0, 100))
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def draw_map(bundle: Bundle, entry: Map, study: Study, work: Path, number: int) -> "Figure":
    """Draw the paper's Fig. 5, and its peers: truth, Hough, dictionaries, single networks, rules, entropy, status."""
    from matplotlib.figure import Figure

    scan_file = map_scan_file(entry, study, work, number)
    scan = open_scan(scan_file)
    truth = truth_of(entry, scan_file)
    patterns = as_labelled(bundle, map_folder(bundle, entry, work), truth, entry.name)
    answering = {c.name: c for c in everybody(bundle, patterns)}
    panels: list[tuple[str, np.ndarray]] = []
    if truth is not None:
        panels.append(("truth", _painted(_groups_of(truth), scan.shape)))
    with np.load(peers_file(entry, work), allow_pickle=False) as stored:
        groups = np.array([*(load_structure(name).space_group for name in entry.materials), 0])
        panels += [(name, _painted(groups[stored[name]], scan.shape)) for name in stored.files]
    classes = np.array([*bundle.classes, 0])
    for name in (BEST_SINGLE_NAME, "vote", "average", "mc-dropout"):
        panels.append((name, _painted(classes[answering[name].decision.winner], scan.shape)))
    chosen = answering[bundle.rule].decision
    entropy = chosen.entropy / np.log(len(bundle.classes))
    panels.append(("entropy / log K", _shaded(entropy, scan.shape)))
    tones = rgb_of([tone.colour for tone in STATUS_TONES.values()])
    answers = _painted(classes[chosen.winner], scan.shape)
    silent = (chosen.status != 0).reshape(scan.shape)
    answers[silent] = tones[chosen.status].reshape(*scan.shape, 3)[silent]
    panels.append((f"answers of {bundle.rule}\n(greys: none)", answers))
    if truth is not None and "phi1" in truth:
        panels.append(("orientation (IPF, normal direction)", _orientations(truth).reshape(*scan.shape, 3)))
        panels.append(("aluminium (simulated counts)", _shaded(_aluminium(truth, study.seed), scan.shape)))
    columns = 5
    rows = -(-len(panels) // columns)
    height = 2.35 * scan.shape[0] / scan.shape[1] + 0.45
    figure = Figure(figsize=(2.35 * columns, height * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, image) in zip(grid, panels, strict=False):
        axes.imshow(image, interpolation="nearest")
        axes.set_title(title, fontsize=8)
    for axes in grid:
        axes.axis("off")
    _legend(figure, [int(group) for group in classes[:-1]])
    return figure


def _legend(figure: "Figure", groups: Sequence[int]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=SPACE_GROUP_COLOURS[int(g)], label=str(g)) for g in groups]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize=8)


def _groups_of(truth: dict[str, np.ndarray]) -> np.ndarray:
    return np.nan_to_num(truth["space_group"].astype(float)).astype(int)


def _painted(groups: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Paint space-group numbers, white for 0, shape (R, C, 3)."""
    table = {0: NO_PATTERN_COLOUR} | {int(g): SPACE_GROUP_COLOURS[int(g)] for g in np.unique(groups) if g > 0}
    return rgb_of([table[int(g)] for g in groups]).reshape(*shape, 3)


def _shaded(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Paint numbers from 0 to their largest, or to 1, shape (R, C, 3)."""
    from matplotlib import colormaps

    scaled = np.nan_to_num(values) / max(1.0, float(np.nanmax(values)))
    return (255 * colormaps[ENTROPY_COLOURS](scaled)[..., :3]).astype(np.uint8).reshape(*shape, 3)


def _orientations(truth: dict[str, np.ndarray]) -> np.ndarray:
    """Return the inverse pole figure colours of the true orientations, (N, 3)."""
    from orix.plot import IPFColorKeyTSL
    from orix.quaternion import Orientation, symmetry

    angles = np.nan_to_num(np.stack([truth[name] for name in ("phi1", "Phi", "phi2")], axis=1).astype(float))
    orientations = Orientation.from_euler(angles, symmetry=symmetry.Oh, degrees=True)
    colours = IPFColorKeyTSL(symmetry.Oh).orientation2color(orientations)
    return (255 * colours).astype(np.uint8)


def _aluminium(truth: dict[str, np.ndarray], seed: int) -> np.ndarray:
    """Simulate an X-ray map: counts in proportion to the aluminium of both crystals that share a point."""
    share = {
        name: _atomic_share(name, "Al") for name in {*truth["phase"], *truth["second_phase"]} if name == name
    }
    first = np.array([share.get(name, 0.0) for name in truth["phase"]])
    second = np.array([share.get(name, 0.0) for name in truth["second_phase"]])
    expected = (1 - truth["mix"]) * first + truth["mix"] * second
    return np.random.default_rng(seed).poisson(AL_COUNTS * expected).astype(float)


def _atomic_share(name: str, element: str) -> float:
    from kikuchi.simulate.crystals.structures import atomic_number

    atoms = load_structure(name).atoms
    return float(atoms.occupancies[atoms.numbers == atomic_number(element)].sum() / atoms.occupancies.sum())
