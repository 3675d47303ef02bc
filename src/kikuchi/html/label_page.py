"""The patterns to label next as a page of thumbnails, beside the list: `labels.html`."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi._support.atomic import write_text
from kikuchi.html.frame import png_uri, render_page, script_json
from kikuchi.html.tables import count


def write_label_page(
    rows: Sequence[Mapping[str, Any]],
    thumbnails: np.ndarray,
    labels: str | Path,
    out_file: str | Path,
    *,
    phases: Sequence[str] = (),
) -> Path:
    """Write the page: every pattern with what the ensemble guesses, and a field for its space group.

    What is filled in can be saved as the list; the page sends nothing anywhere.

    Parameters
    ----------
    rows
        Rows of the list, by column.
    thumbnails
        The patterns in the same order, (n, s, s) uint8.
    labels
        The list that the page belongs to.
    out_file
        The HTML file.
    phases
        Names to choose from in place of a space group.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    name = Path(labels).name
    html = render_page(
        "label_page.html",
        scripts=["label.js"],
        styles=["label.css"],
        title=f"Patterns to label: {name}",
        kicker="Points whose phases say where to divide the two"
        if phases
        else "The patterns whose labels would teach the ensemble most",
        subtitle=count(len(rows), "pattern"),
        name=name,
        phases=list(phases),
        cards=[
            {
                "number": number,
                "source": png_uri(_png(picture)),
                "place": f"point {row['index']}, row {row['row']}, column {row['col']}",
                "guess": row["guess"],
                "disagreement": f"{row['mutual_information']:.2g}",
                "unfamiliarity": f"{row['unfamiliarity']:.2g}",
            }
            for number, (row, picture) in enumerate(zip(rows, thumbnails, strict=True), start=1)
        ],
        payload=script_json(
            {"name": name, "columns": list(rows[0]) if rows else [], "rows": [dict(r) for r in rows]}
        ),
    )
    write_text(Path(out_file), html)
    return Path(out_file)


def _png(picture: np.ndarray) -> bytes:
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, cmap="gray", vmin=0, vmax=255, format="png")
    return buffer.getvalue()
