"""The figures and tables of this study, from ``study.json`` and the maps that `study.py` kept.

    python -m reports.explanations.figures --work WORK

Writes ``shares.png``, ``perturbation.png`` and, where the maps are, ``examples.png`` beside itself, and fills the
tables of ``README.md``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

HERE = Path(__file__).parent
NAMES = {
    "shared": "what the members share",
    "parting": "where they part",
    "mutual_information": "mutual information",
    "contrast": "the pattern's contrast, no network",
    "shared, on another crystal's bands": "shared, on another crystal's",
}
PLACES = {"bands": "on bands", "zone_axes": "at zone axes"}
COLOURS = {"attribution": "#b3123a", "band centres": "#1f5fa8", "random": "#777777"}
#: Examples drawn: the first explained pattern of each material.
EXAMPLES = 2


def shares(study: dict[str, Any]) -> plt.Figure:
    """Share of each attribution over the share of the area, with its 95 % interval."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True, layout="constrained")
    for axis, (place, title) in zip(axes, PLACES.items(), strict=True):
        for row, name in enumerate(reversed(NAMES)):
            found = study["shares"][name][place]["difference"]
            mean, low, high = (100 * found[k] for k in ("mean", "low", "high"))
            colour = "#777777" if name.startswith(("contrast", "shared,")) else COLOURS["attribution"]
            axis.errorbar(mean, row, xerr=[[mean - low], [high - mean]], fmt="o", color=colour, capsize=3)
        area = 100 * study["shares"]["shared"][place]["area"]["mean"]
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(f"{title} ({area:.1f} % of the area)", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(NAMES)), list(reversed(NAMES.values())))
    figure.supxlabel("share of the attribution less share of the area, points; 95 % intervals", fontsize=9)
    return figure


def perturbation(study: dict[str, Any]) -> plt.Figure:
    """Mean margin while pixels are taken from the patterns, and given to a blank."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
    for axis, (way, title) in zip(
        axes, {"deletion": "pixels taken", "insertion": "pixels given"}.items(), strict=True
    ):
        for name, colour in COLOURS.items():
            axis.plot(
                100 * np.array(study["curves"]["share"]), study["curves"][way][name], color=colour, label=name
            )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("share of the pixels, %")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("margin of the member, logits")
    axes[1].legend(title="order of", frameon=False, fontsize=8)
    return figure


def examples(kept: list[tuple[str, Path]]) -> plt.Figure:
    """Pattern, bands and the three attributions of some patterns."""
    figure, axes = plt.subplots(
        len(kept), 5, figsize=(11, 2.45 * len(kept)), layout="constrained", squeeze=False
    )
    titles = ("pattern", "bands, zone axes", "share (221 red, 225 blue)", "part", "mutual information")
    for row, (material, path) in zip(axes, kept, strict=True):
        maps = np.load(path)
        row[0].imshow(maps["pattern"], cmap="gray")
        row[0].set_ylabel(material)
        row[1].imshow(maps["bands"].astype(int) + maps["zone_axes"], cmap="gray")
        for axis, name in zip(row[2:], ("shared", "parting", "mutual_information"), strict=True):
            # Blurred by one pixel for the eye, as in the reports of `ensemble explain`.
            values = gaussian_filter(maps[name], 1)
            most = np.abs(values).max()
            signed = name != "parting"
            axis.imshow(values, cmap="RdBu_r" if signed else "magma", vmin=-most if signed else 0, vmax=most)
            axis.contour(
                maps["zone_axes"], levels=[0.5], colors="black" if signed else "white", linewidths=0.6
            )
        for axis in row:
            axis.set(xticks=[], yticks=[])
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    return figure


def share_table(study: dict[str, Any]) -> str:
    """Shares of every attribution on bands and at zone axes, in Markdown."""
    area = [100 * study["shares"]["shared"][place]["area"]["mean"] for place in PLACES]
    lines = [
        f"| attribution of | on bands | less their area ({area[0]:.1f} %), points | at zone axes | "
        f"less their area ({area[1]:.1f} %), points |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for key, name in NAMES.items():
        cells = [name]
        for place in PLACES:
            found = study["shares"][key][place]
            cells += [
                f"{100 * found['attribution']['mean']:.1f} %",
                with_interval(found["difference"], 100, "+"),
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def check_table(study: dict[str, Any]) -> str:
    """Say what perturbing, shuffling and summing found, in Markdown."""
    gains, sums, other = study["gains"], study["completeness"], study.get("by_gradients")
    ways = {
        "deletion": "pixels taken in the order of the {}: the margin falls by more than in random orders, logits",
        "insertion": "pixels given in the order of the {}: it rises by more, logits",
    }
    rows = {
        way.format(order): with_interval(gains[f"{order}, {key}"], 1, "+")
        for order in ("attribution", "band centres")
        for key, way in ways.items()
    }
    if study["shuffled_weights_rank_correlation"]:
        rows["rank correlation with shuffled weights"] = with_interval(
            study["shuffled_weights_rank_correlation"], 1
        )
    rows["DeepSHAP's sums of margins miss by at most"] = f"{100 * sums['largest_relative_error']:.2g} %"
    if other:
        rows[f"expected gradients' sums of margins miss by at most ({other['margins']} margins)"] = (
            f"{100 * other['largest_relative_error']:.2g} %"
        )
        rows["rank correlation of the two methods"] = with_interval(other["rank_correlation_with_deep"], 1)
    rows["the mutual information's sums miss by at most (median)"] = (
        f"{100 * sums['information_largest_relative_error']:.1f} % "
        f"({100 * sums['information_median_relative_error']:.1f} %)"
    )
    return "\n".join(["| | |", "| --- | ---: |", *(f"| {k} | {v} |" for k, v in rows.items())])


def with_interval(found: dict[str, float], scale: float, sign: str = "") -> str:
    """Mean with its interval."""
    mean, low, high = (scale * found[k] for k in ("mean", "low", "high"))
    digits = 2 if scale == 1 and max(abs(low), abs(high)) < 1 else 1
    return f"{mean:{sign}.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def fill(tables: dict[str, str]) -> None:
    """Put the tables between their marks in the page."""
    page = HERE / "README.md"
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        before, rest = text.split(f"<!-- table: {name} -->")
        text = f"{before}<!-- table: {name} -->\n{table}\n<!-- end -->{rest.split('<!-- end -->', 1)[1]}"
    page.write_text(text, encoding="utf-8")


def first_of_each(work: Path) -> list[tuple[str, Path]]:
    """Return the maps of the first explained pattern of each material."""
    records = json.loads((work / "explained.json").read_text(encoding="utf-8"))
    found: dict[str, Path] = {}
    for number, record in enumerate(records):
        found.setdefault(record["material"], work / f"explained-{number:02}.npz")
    return list(found.items())[:EXAMPLES]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, help="folder of `study.py`; without it no examples are drawn")
    work = parser.parse_args().work
    study = json.loads((HERE / "study.json").read_text(encoding="utf-8"))
    figures = {"shares": shares(study), "perturbation": perturbation(study)}
    if work is not None:
        figures["examples"] = examples(first_of_each(work))
    for name, figure in figures.items():
        figure.savefig(HERE / f"{name}.png", dpi=110)
    fill({"shares": share_table(study), "checks": check_table(study)})


if __name__ == "__main__":
    main()
