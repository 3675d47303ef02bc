"""Suggestions of patterns to label next, as a list to fill in by hand, and the list read back as a dataset."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.active_learning import choose_queries
from ensemble.errors import InputError, printable
from ensemble.pooling import combine
from kikuchi._support import atomic
from kikuchi._support.cells import cell, cells, word
from kikuchi._support.progress import SILENT, Progress
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import member_weights
from kikuchi.html.label_page import write_label_page
from kikuchi.inference.logits_store import STORE, LogitsStore
from kikuchi.inference.predictor import Predictor
from kikuchi.maps.one_run import require_one_run
from kikuchi.members import features_of
from kikuchi.postprocessing.assemble import as_seen
from kikuchi.postprocessing.boundaries import between_two
from kikuchi.postprocessing.grain_segmentation import find_grains
from kikuchi.scans import (
    Dataset,
    Material,
    Scan,
    background_for,
    load_dataset,
    open_mapped,
    open_scan,
    prepare,
    with_neighbours,
)
from kikuchi.workflows.label_list import label_rows
from kikuchi.workflows.phase_labels import across_order

COLUMNS = (
    "scan",
    "scan_name",
    "index",
    "row",
    "col",
    "x",
    "y",
    "guess",
    "mutual_information",
    "unfamiliarity",
    "space_group",
    "material",
)

#: Patterns whose features are looked at, for each that is suggested.
CANDIDATES_EACH = 40


@dataclass(frozen=True)
class LabelList:
    """A list of patterns to label; a path wherever one is taken.

    Attributes
    ----------
    path
        The CSV to fill.
    page
        The same as a page with the patterns.
    run
        The bundle that it would teach.
    patterns
        How many are listed.
    phases
        What a bundle that was adapted to two phases tells apart, else empty.
    """

    path: Path
    page: Path
    run: Path
    patterns: int
    phases: tuple[str, ...] = ()

    def __fspath__(self) -> str:
        """Return the path of the list."""
        return str(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return where the list is, as plain data."""
        return {"labels": str(self.path), "page": str(self.page), "patterns": self.patterns}

    def summary(self) -> str:
        """Return what to do with the list."""
        if self.phases:
            return (
                f"wrote {self.path}, and {self.page} with the patterns: fill in the phase (column material: "
                f"{' or '.join(self.phases)}) in either, then run:\n"
                f"ensemble map SCAN --run {self.run} --labels {self.path} --out MAPS"
            )
        return (
            f"wrote {self.path}, and {self.page} with the patterns: fill in space_group in either, then run:\n"
            f"ensemble extend {self.run} {self.path} --out RUN2"
        )


def suggest_labels(
    map_dir: str | Path,
    scan: str | Path | Scan,
    run: str | Path | Bundle,
    out: str | Path = "labels.csv",
    *,
    points: int = 24,
    progress: Progress = SILENT,
) -> LabelList:
    """Write the patterns of a map whose labels would teach the bundle most, as a list to index by hand.

    Of the patterns that can be read, those of the largest mutual information between label and members (all draws of
    all members) are looked at; from them, patterns far from each other and from what the members were trained on. Those
    between two first choices or two grains are left out: overlaps, which nobody can label. Of a bundle that was adapted
    to two phases, patterns are spread evenly over the ranks of its order parameter: where to divide it is what labels
    teach there.

    Parameters
    ----------
    map_dir
        What `kikuchi.map_scan` wrote for the scan and the bundle.
    scan, run
        What was mapped, and by which bundle.
    out
        CSV with the columns `COLUMNS`; ``space_group`` is empty, for a person to fill, and ``material`` may be. Beside
        it a page of the same name, ``.html``, shows the patterns and can fill and save the list.
    points
        How many patterns to suggest.
    progress
        Listener of the work.

    Returns
    -------
    LabelList
        The list, which `kikuchi.extend` takes when it is filled, or `kikuchi.map_scan` as ``labels``.

    Raises
    ------
    InputError
        The map is not of this scan and bundle, is unfinished, or nothing in it can be asked about; or the bundle was
        adapted to more than two phases.
    """
    require_one_run(Path(map_dir))
    bundle = Predictor.of(run)
    opened = with_neighbours(
        scan if isinstance(scan, Scan) else open_mapped(scan, Path(map_dir)),
        bundle.preparation(bundle.members[0]),
    )
    store = LogitsStore.read(Path(map_dir) / STORE)
    for what, of_map, given in (
        ("scan", store.identity.scan, opened.fingerprint()),
        ("bundle", store.identity.bundle, bundle.fingerprint),
    ):
        if of_map != given:
            raise InputError(
                f"was mapped from another {what}", path=Path(map_dir), remedy=f"give that {what}"
            )
    if store.missing():
        raise InputError("an unfinished map", path=Path(map_dir), remedy="run the same `ensemble map` again")
    outputs = bundle.gated(store.outputs())
    weights = member_weights(bundle.held_out, bundle.recipe)
    pooled = combine(outputs.logits, "mc-dropout", weights=weights, draws=outputs.draws)
    readable = outputs.quality > bundle.abstentions[bundle.rule].quality_threshold
    first = np.where(readable, pooled.probabilities.argmax(axis=1), -1)
    # Where two crystals are seen at once, nobody could say which of them is meant.
    alone = ~between_two(opened.row, opened.col, opened.shape, first)
    if opened.xmap is not None and not np.allclose(opened.xmap.rotations.angle, 0):
        grains = find_grains(opened, "orientations")
        alone &= ~between_two(opened.row, opened.col, opened.shape, grains)
    score = np.where(readable & alone, np.nan_to_num(pooled.mutual_information), 0)
    names: tuple[object, ...] = bundle.classes
    if bundle.phases:
        names = bundle.class_names
        taken = across_order(outputs.logits[0], readable & alone, points, bundle)
    else:
        candidates = np.sort(np.argsort(-score, kind="stable")[: CANDIDATES_EACH * max(points, 1)])
        progress.say(f"comparing {len(candidates)} of {opened.n} patterns")
        features = _features(opened, bundle, candidates)
        taken = candidates[
            choose_queries(score[candidates], features, points, known=bundle.familiarity.references)
        ]
    rows = [
        {
            "scan": str(opened.path.absolute()) if opened.path.exists() else opened.name,
            "scan_name": opened.given_name or "",
            "index": int(i),
            "row": int(opened.row[i]),
            "col": int(opened.col[i]),
            "x": round(float(opened.x[i]), 6),
            "y": round(float(opened.y[i]), 6),
            "guess": names[int(pooled.probabilities[i].argmax())],
            "mutual_information": round(float(score[i]), 6),
            "unfamiliarity": round(float(outputs.unfamiliarity[i]), 4),
            "space_group": "",
            "material": "",
        }
        for i in taken
    ]
    path = Path(out)
    if path.exists():
        raise InputError("is there already, perhaps with labels", path=path, remedy="give another --out")
    written = [
        cells(row) | {name: cell(str(row[name]), exact=True) for name in ("scan", "scan_name")}
        for row in rows
    ]
    with atomic.replaced(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(written)
    page = path.with_suffix(".html")
    phases = bundle.class_names if bundle.phases else ()
    write_label_page(written, as_seen(opened, bundle, side=128)(taken), path, page, phases=phases)
    return LabelList(path, page, bundle.path, len(rows), phases)


def _features(scan: Scan, bundle: Bundle, points: np.ndarray) -> list[np.ndarray]:
    """Run every backbone on some patterns of a scan."""
    background = background_for(scan, bundle.preparation(bundle.members[0]))
    parts: list[list[np.ndarray]] = []
    for start in range(0, len(points), 512):
        raw = scan.read(points[start : start + 512])
        prepared = {
            size: prepare(raw, bundle.recipe.preparation(size), background)
            for size in {m.size for m in bundle.members}
        }
        parts.append([features_of(bundle.model(m.name), prepared[m.size]) for m in bundle.members])
    return [np.concatenate(own) for own in zip(*parts, strict=True)]


def open_labelled(dataset: str | Path | Dataset) -> Dataset:
    """Open labelled patterns: a dataset TOML, a filled list of labels, or a dataset.

    Parameters
    ----------
    dataset
        A path that ends in ``.csv`` is a list of labels, any other a dataset TOML.
    """
    if isinstance(dataset, Dataset):
        return dataset
    if Path(dataset).suffix.lower() == ".csv":
        return read_labels(Path(dataset))
    return load_dataset(dataset)


def read_labels(path: Path, scans: dict[str, Scan] | None = None) -> Dataset:
    """Read a list of labels that a person has filled.

    Parameters
    ----------
    path
        CSV with at least the columns ``scan`` (relative to the list, or absolute), ``index`` and ``space_group``, and
        if wanted ``material`` and ``scan_name`` (which scan of several in that file). Rows without a space group are
        left out; rows of one material need one space group.
    scans
        Scans by what the list calls them, for those that are no files.

    Raises
    ------
    InputError
        The list cannot be read, a row is wrong, or nothing is labelled.
    """
    wanted: dict[tuple[str, str | None, str, int], list[int]] = {}
    for number, row in enumerate(label_rows(path), start=2):
        label = (row.get("space_group") or "").strip()
        if not label:
            continue
        if not re.fullmatch(r"\d{1,3}", label) or not re.fullmatch(r"\d{1,12}", (row["index"] or "").strip()):
            raise InputError(
                f"line {number}: space group {label!r} at index {row['index']!r}",
                path=path,
                remedy="whole numbers, or leave the space group empty",
            )
        scan = word(row["scan"] or "")  # a line may be too short to have one
        if not scan.strip():
            raise InputError(
                f"line {number} names no scan", path=path, remedy="keep the column scan as it was"
            )
        name = printable(word((row.get("material") or "").strip())) or f"labelled {label}"
        part = word((row.get("scan_name") or "").strip()) or None
        wanted.setdefault((scan, part, name, int(label)), []).append(int(row["index"]))
    if not wanted:
        raise InputError("no row has a space group", path=path, remedy="fill the column space_group")
    opened: dict[tuple[str, str | None], Scan] = {}
    materials = []
    several = len({(scan, part) for scan, part, _, _ in wanted}) > 1
    for (scan, part, name, group), points in wanted.items():
        if (scan, part) not in opened:
            known = (scans or {}).get(scan)
            opened[scan, part] = open_scan(path.parent / scan, scan_name=part) if known is None else known
        of = opened[scan, part].name + (f", {part}" if part else "")
        full = f"{name} ({of})" if several else name
        materials.append(Material(full, group, opened[scan, part], points=tuple(sorted(set(points)))))
    return Dataset(materials, path)
