"""Draw both maps of the whole Inconel scan that `study real` made, and say where the points that are not nickel lie.

    python -m reports.adapt.inconel --work /tmp/adapt

Writes ``inconel.png`` and ``inconel.json``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kikuchi.postprocessing.band_widths import OTHER_ALONE
from reports._provenance import provenance

TOLD = (("Ni", "Fe", "Si"), ("Ni", "NbC", "Si"))
COLOURS = {"Ni": "#4477aa", "Fe": "#ccbb44", "Si": "#ee6677", "NbC": "#aa3377"}
#: Patterns of other points touch a particle of so few.
LEAST = 3


def particles(there: np.ndarray) -> list[dict[str, Any]]:
    """Return the connected groups of points (rows, columns), the largest first."""
    from scipy.ndimage import label

    marked, n = label(there, structure=np.ones((3, 3)))
    found = [np.argwhere(marked == i + 1) for i in range(n)]
    found.sort(key=len, reverse=True)
    return [
        {"points": len(p), "rows": [int(p[:, 0].min()), int(p[:, 0].max())],
         "columns": [int(p[:, 1].min()), int(p[:, 1].max())]}
        for p in found
    ]  # fmt: skip


def marked_points(table: pd.DataFrame, told: tuple[str, ...], column: str) -> dict[str, Any]:
    """Count the points that the map marks, and what is answered in and outside of them."""
    marked = table.get(column, pd.Series(0, index=table.index)) > 0
    solved = table["status"] == "solved"
    return {
        "points": int(marked.sum()),
        **{
            where: {name: int((table["phase"][solved & here] == name).sum()) for name in told}
            for where, here in (("answered_there", marked), ("answered_elsewhere", ~marked))
        },
    }


def main() -> None:
    """Draw and count."""
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    there = [told for told in TOLD if (work / f"inconel_1-{'-'.join(told)}.maps" / "map.csv").is_file()]
    page = Figure(figsize=(3.1 * len(there) + 3.0, 3.4), layout="constrained")
    results: dict[str, Any] = {"made_by": provenance()}
    axes = page.subplots(1, len(there) + 1)
    for place, told in zip(axes, there, strict=False):
        table = pd.read_csv(work / f"inconel_1-{'-'.join(told)}.maps" / "map.csv")
        shape = (int(table["row"].max()) + 1, int(table["col"].max()) + 1)
        solved = (table["status"] == "solved").to_numpy()
        phase = np.where(solved, table["phase"].fillna(""), "")
        image = np.ones((len(table), 3))
        for name in told:
            image[phase == name] = to_rgb(COLOURS[name])
        place.imshow(image.reshape(*shape, 3))
        place.set_title(f"told {', '.join(told)}", fontsize=10)
        place.set_axis_off()
        others = {name: (phase == name).reshape(shape) for name in told[1:]}
        results[", ".join(told)] = {
            "status": table["status"].value_counts().to_dict(),
            "answered": {name: int((phase == name).sum()) for name in told},
            "explained_less_well": marked_points(table, told, "less_explained"),
            "bands_of_another_width": marked_points(table, told, "other_width"),
            "of_another_width_alone": {
                name: int(((phase == name) & (table["band_width"].abs() > OTHER_ALONE)).sum())
                for name in told
            },
            "groups": {
                name: {
                    "of_several": [p for p in particles(here) if p["points"] >= LEAST],
                    "points_in_smaller_groups": sum(
                        p["points"] for p in particles(here) if p["points"] < LEAST
                    ),
                }
                for name, here in others.items()
                if here.any()
            },
            "confidence_of_others": float(table["confidence"][np.isin(phase, told[1:])].median()),
        }
    shown = axes[-1].imshow(table["confidence"].to_numpy().reshape(shape), cmap="viridis", vmin=0.3, vmax=1)
    axes[-1].set_title("probability, the last of these", fontsize=10)
    axes[-1].set_axis_off()
    page.colorbar(shown, ax=axes[-1], shrink=0.8)
    handles = [axes[0].plot([], [], "s", color=c, label=n)[0] for n, c in COLOURS.items()]
    page.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    page.savefig(Path(__file__).with_suffix(".png"), dpi=120)
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
