"""A page of text, tables and figures: an evaluation, a calibration report, a study."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble.errors import InputError
from kikuchi._support.atomic import write_text
from kikuchi.html.frame import png_uri, render_page
from kikuchi.html.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_evaluation_report(
    evaluation: Mapping[str, Any], figures: Mapping[str, "Figure | bytes"], out_file: str | Path
) -> Path:
    """Write a page from plain data and figures.

    Parameters
    ----------
    evaluation
        ``title``, and optionally ``verdict`` (a mapping of ``text``, one sentence, ``kept`` and ``table``, with which
        the page opens), and ``kicker``, ``subtitle`` and ``foot`` (a line of text each); ``sections``, a
        list of mappings, each with ``title`` and any of ``text`` (a paragraph or a list of them), ``tables``
        (mappings with the fields of `kikuchi.html.tables.Table`) and ``figures`` (mappings with ``name``,
        ``caption`` and optionally ``alt``, what a reader who cannot see it should know, and ``wide``, for one that
        needs the page's full width).
    figures
        Matplotlib figures, or PNG files as bytes, by the names the sections use.
    out_file
        The HTML file.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        If a section names a figure that is not given, a table is crooked, or the file cannot be written.
    """
    sections = [_section(section, figures) for section in evaluation["sections"]]
    html = render_page(
        "evaluation_report.html",
        title=evaluation["title"],
        kicker=evaluation.get("kicker", "Space groups from EBSD patterns, with uncertainty"),
        subtitle=evaluation.get("subtitle", ""),
        foot=evaluation.get("foot", ""),
        sections=sections,
        verdict=_verdict(evaluation.get("verdict")),
    )
    write_text(Path(out_file), html)
    return Path(out_file)


def _verdict(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if record is None else {**record, "table": Table(**record["table"])}


def picture_uri(figure: "Figure | bytes") -> str:
    """Return a figure as a ``data:`` address.

    Parameters
    ----------
    figure
        A Matplotlib figure, which becomes SVG with its text as outlines (the reader's machine may lack the
        font), or a PNG file as bytes.

    Returns
    -------
    str
        The same figure gives the same text every time.
    """
    if isinstance(figure, bytes):
        return png_uri(figure)
    import matplotlib

    buffer = io.BytesIO()
    # The layout is solved once and kept: where words hardly fit, solving it again moves the axes.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    with matplotlib.rc_context({"svg.hashsalt": "kikuchi", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _section(section: Mapping[str, Any], figures: Mapping[str, "Figure | bytes"]) -> dict[str, Any]:
    text = section.get("text", [])
    pictures = []
    for wanted in section.get("figures", []):
        if wanted["name"] not in figures:
            raise InputError(
                f"the section {section['title']!r} names a figure {wanted['name']!r} that is not given"
            )
        source = picture_uri(figures[wanted["name"]])
        pictures.append(
            {
                "source": source,
                "caption": wanted.get("caption", ""),
                "alt": wanted.get("alt", ""),
                "wide": wanted.get("wide", False),
            }
        )
    return {
        "title": section["title"],
        "text": [text] if isinstance(text, str) else list(text),
        "tables": [Table(**table) for table in section.get("tables", [])],
        "figures": pictures,
    }
