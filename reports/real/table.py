"""Every real scan and pattern at hand in one table: first choice, candidates, answered, wrong, with and without naming.

    python -m reports.real.table --shared SHARED [--run BUNDLE --out FILE]

SHARED is the folder with the real scans, as for `reports.real.among`; nickel is kikuchipy's. The shipped ensemble's own
rule decides, at its own risk; the points of the Inconel map are read as `ensemble map` reads them. Writes
``table.json`` and ``inconel.png``, the first choices of that map and how many candidates each point has; of another
bundle, asked as the shipped one is, the rows alone.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kikuchi.bundle.bundle import Bundle
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import background_for, open_scan
from reports._provenance import provenance
from reports.real.among import scans

HERE = Path(__file__).resolve().parent
NAMED = (None, "225,227", "225,227,229")


def patterns_of(shared: Path) -> list[tuple[str, np.ndarray, np.ndarray | None, int | None]]:
    """Name, patterns, static background and true space group where it is a class, of everything at hand."""
    preparation = Predictor.load("shipped").recipe.preparation(64)
    found: list[tuple[str, np.ndarray, np.ndarray | None, int | None]] = []
    for name, file, truth, _ in scans(shared):
        scan = open_scan(file)
        found.append((name, scan.read(slice(None)), background_for(scan, preparation), truth))
        if name.startswith("nickel"):
            found.append(("nickel, nothing subtracted", found[-1][1], None, truth))
    real = shared / "real"
    for name, file in (
        ("cementite (62, not a class)", real / "cementite" / "Fe3C.tif"),
        ("AZtec export (unknown)", real / "aztec_tiff" / "sample_ebsd.tiff"),
    ):
        found.append((name, open_scan(file).read(slice(None)), None, None))
    return found


def row(bundle: Bundle, outputs: Any, truth: int | None) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Count what is said of one scan; first choices (N,) and the number of candidates (N,) as well."""
    decision = bundle.decide(outputs)
    classes = np.array(bundle.classes)
    first, solved = classes[decision.winner], decision.status == 0
    sizes = decision.candidates.sum(axis=1)
    groups, counts = np.unique(first, return_counts=True)
    told: dict[str, Any] = {
        "patterns": len(first),
        "first_choices": {int(g): int(c) for g, c in zip(groups, counts, strict=True)},
        "mean_candidates": float(sizes.mean()),
        "answered": int(solved.sum()),
        "unfamiliar": int((decision.status == 2).sum()),
        "mean_confidence": float(np.nanmean(decision.confidence)),
    }
    if truth is not None:
        here = classes == truth
        told["first_right"] = int((first == truth).sum())
        told["truth_in_candidates"] = int(decision.candidates[:, here].any(axis=1).sum())
        told["wrong"] = int((solved & (first != truth)).sum())
    return told, first, sizes


def draw(first: np.ndarray, sizes: np.ndarray, file: Path) -> None:
    """Draw the Inconel map: what is put first at every point, and how many candidates there are."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, values, title in zip(
        figure.subplots(1, 2), (first, sizes), ("first choice", "candidates"), strict=True
    ):
        low, high = int(values.min()), int(values.max())
        picture = axes.imshow(
            values.reshape(50, 50),
            cmap=colormaps["viridis"].resampled(high - low + 1),
            vmin=low - 0.5,
            vmax=high + 0.5,
        )
        axes.set_title(f"Inconel 718: {title}")
        axes.set_axis_off()
        figure.colorbar(picture, ax=axes, ticks=range(low, high + 1))
    figure.savefig(file, dpi=110)


def main() -> None:
    """Answer everything, failures first in the table that is printed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--run", default="shipped", help="another bundle")
    parser.add_argument("--out", type=Path, default=HERE / "table.json")
    given = parser.parse_args()
    whole = Predictor.load(given.run)
    rows: list[dict[str, Any]] = []
    for name, patterns, background, truth in patterns_of(given.shared):
        outputs = whole.member_outputs(patterns, background)
        for named in NAMED:
            judge = whole if named is None else whole.among(named)
            said = outputs if judge.candidates is None else judge.candidates.narrow(outputs)
            told, first, sizes = row(judge, said, truth)
            rows.append({"scan": name, "truth": truth, "among": named} | told)
            if given.run == "shipped" and named is None and name.startswith("Inconel"):
                draw(first, sizes, HERE / "inconel.png")
    rows.sort(key=lambda r: r.get("first_right", -1) / r["patterns"])
    for told in rows:
        print(json.dumps(told))
    result = provenance() | {"rows": rows}
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
