"""The map to explore: `report.html`.

Drawn by a small canvas of our own and not by Bokeh or Plotly. Either library brings 1 to 4.5 MB of script into
every report and keeps a point as JSON or as doubles: a million points with seven scores, a decision and ten
members would be some hundreds of megabytes that a browser needs most of a minute to open. Here a score is two
bytes, a decision one, all deflated; recolouring is one pass over a typed array, and a hover is one look-up,
whatever the size of the map. What is lost is what the libraries would have drawn besides, and a map needs none of it.
Measured numbers are in ``reports/gallery/browser_speed.json``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import AbstentionRule
from ensemble.errors import InputError
from ensemble.phase_fractions import Fractions
from kikuchi._support.atomic import write_text
from kikuchi.html.frame import png_uri, render_page, script_json
from kikuchi.html.glossary import glossary, meanings
from kikuchi.html.map_payload import map_payload, report_id
from kikuchi.html.map_tables import origin_table, problem_table, tally_table
from kikuchi.html.opening import composition, lead
from kikuchi.html.page_colours import page_colours
from kikuchi.html.point_detail import (
    INLINE_BYTES,
    Patterns,
    detail_payload,
    kept_stride,
    pattern_payload,
)
from kikuchi.html.promise_tables import check_tables, verdict_table, withdrawn
from kikuchi.html.side_folder import empty_folder, folder_of
from kikuchi.html.tables import Table, count, sentence
from kikuchi.maps.frame import usable_step
from kikuchi.maps.phase_map import PhaseMap

_SCRIPTS = (
    *("basics", "columns", "pieces", "decision", "answers", "layers", "view", "legend"),
    *("point", "histogram", "selection", "export", "pointer", "main"),
)
_NO_PROMISE = "Nothing: no risk was certified for this map, so that its statuses carry no guarantee."


def write_map_report(
    phase_map: PhaseMap,
    out_file: str | Path,
    *,
    patterns: Patterns | None = None,
    threshold: AbstentionRule | None = None,
    fractions: Fractions | None = None,
    explanations: Mapping[int, tuple[bytes | str | Path, str]] | None = None,
    evaluation_link: str | None = None,
    inline_bytes: int = INLINE_BYTES,
    pattern_share: float | None = None,
) -> Path:
    """Write the interactive report of a map: one file that needs no network.

    Parameters
    ----------
    phase_map
        What was decided at every point.
    out_file
        The HTML file. Above ``inline_bytes`` a folder beside it (``report_data`` for ``report.html``) takes
        patterns and probabilities, loaded when a point is pinned.
    patterns
        Thumbnails, (N, s, s) uint8, or a function from indices (n,) to (n, s, s) uint8.
    threshold
        The rule the map was decided with: where the slider starts, which points it can change, and what is
        promised there. Without it nothing is promised and the slider can only hold more points back.
    fractions
        Phase fractions with intervals, as `ensemble.phase_fractions.phase_fractions` returns them.
    explanations
        A picture (PNG bytes, or a PNG file) and a caption for points that were explained, by index.
    evaluation_link
        Relative address of the evaluation's page.
    inline_bytes
        Largest size, in bytes before compression, of patterns or of probabilities that stay in the page.

    pattern_share
        Share of the points whose patterns the report keeps, in (0, 1], those of every so many rows and columns; a click
        elsewhere shows the nearest one. None keeps all of a map of some ten thousand points, and less of larger ones.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        If the file cannot be written, thumbnails do not fit, an explanation cannot be read or the link is not
        relative.
    """
    pictures = _explanation_pictures(explanations or {}, phase_map.n)
    if evaluation_link is not None and (":" in evaluation_link or evaluation_link.startswith(("/", "\\"))):
        raise InputError("the link to the evaluation must be relative", path=evaluation_link)
    folder = folder_of(out_file)
    _clear(folder)
    name = report_id(phase_map)
    detail = detail_payload(
        phase_map.decision.probabilities, phase_map.member_probabilities, folder, name, inline_bytes
    )
    thumbnails = _patterns(patterns, phase_map, folder, name, inline_bytes, pattern_share)
    certificate = None if threshold is None else threshold.certificate
    payload = map_payload(phase_map, threshold) | {
        "id": name,
        "folder": folder.name,
        "detail": detail,
        "patterns": thumbnails,
        "explanations": {str(i): {"source": uri, "caption": text} for i, (uri, text) in pictures.items()},
        "threshold": {
            "value": 0.0 if threshold is None else float(threshold.threshold),
            "certified": certificate is not None and certificate.certified_risk < 1.0,
            "message": _NO_PROMISE if certificate is None else sentence(certificate.message),
            "withdrawn": withdrawn(phase_map, threshold),
        },
        "glossary": glossary(),
        "meanings": meanings(),
        **page_colours(phase_map.classes, phase_map.labels),
    }
    beside = "pieces" in detail or "pieces" in (thumbnails or {})
    html = render_page(
        "map_report.html",
        scripts=[f"map/{script}.js" for script in _SCRIPTS],
        styles=["map.css"],
        chunk_scripts=beside,
        title=phase_map.name,
        kicker="Space groups of a diffraction map, how sure they are, and where nobody should answer",
        subtitle=_subtitle(phase_map),
        points=phase_map.n,
        explained=[{"index": i, "label": text or f"point {i}"} for i, (_, text) in pictures.items()],
        warnings=[sentence(text) for text in phase_map.meta.get("warnings", [])],
        notes=[sentence(text) for text in phase_map.meta.get("notes", [])],
        promise_text=payload["threshold"]["message"],
        evaluation_link=evaluation_link,
        lead=lead(phase_map, threshold),
        composition=composition(phase_map, fractions),
        tables=_tables(phase_map, threshold),
        payload=script_json(payload),
    )
    write_text(Path(out_file), html)
    return Path(out_file)


def _patterns(
    patterns: Patterns | None,
    phase_map: PhaseMap,
    folder: Path,
    name: str,
    inline_bytes: int,
    share: float | None,
) -> dict[str, Any] | None:
    if patterns is None:
        return None
    first = patterns(np.arange(1)) if callable(patterns) else patterns[:1]
    stride = kept_stride(phase_map.n, first.size, share)
    kept = None
    if stride > 1:
        kept = np.flatnonzero((phase_map.row % stride == 0) & (phase_map.col % stride == 0))
        if not len(kept):  # a crop that leaves these rows or columns out
            stride, kept = 1, None
    return pattern_payload(patterns, phase_map.n, folder, name, inline_bytes, kept, stride)


def _subtitle(phase_map: PhaseMap) -> str:
    rows, columns = phase_map.shape
    step = usable_step(phase_map)
    steps = "step not known" if step is None else f"step {step[1]:.4g} µm by {step[0]:.4g} µm"
    members = count(len(phase_map.members), "member")
    named = phase_map.meta.get("among")
    among = ""
    if named:
        of = f" ({', '.join(named['materials'])})" if named["materials"] else ""
        among = f"; only {' or '.join(map(str, named['space_groups']))}{of} or none of these, as the user named them"
    return f"{count(phase_map.n, 'point')} on a grid of {rows:,} by {columns:,}, {steps}; {members}{among}"


def _tables(phase_map: PhaseMap, rule: AbstentionRule | None) -> list[Table]:
    tables = [tally_table(phase_map)]
    verdicts = None if rule is None else verdict_table(rule, [str(number) for number in phase_map.classes])
    if verdicts is not None:
        tables.append(verdicts)
    tables += check_tables(phase_map)
    tables.append(origin_table(phase_map))
    if phase_map.problems:
        tables.append(problem_table(phase_map))
    return tables


def _explanation_pictures(
    explanations: Mapping[int, tuple[bytes | str | Path, str]], n: int
) -> dict[int, tuple[str, str]]:
    pictures = {}
    for index, (picture, caption) in sorted(explanations.items()):
        if not 0 <= index < n:
            raise InputError(f"an explanation for point {index} of a map of {n} points")
        pictures[int(index)] = (png_uri(_png(picture)), caption)
    return pictures


def _png(picture: bytes | str | Path) -> bytes:
    if isinstance(picture, bytes):
        return picture
    try:
        return Path(picture).read_bytes()
    except OSError as error:
        raise InputError("the explanation's picture cannot be read", path=picture) from error


def _clear(folder: Path) -> None:
    try:
        empty_folder(folder)
    except OSError as error:
        raise InputError(
            "the side folder of an earlier report cannot be cleared", path=folder, remedy="remove it"
        ) from error
