"""The workflow of `info`: what a scan, bundle, store, map or TOML file is."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.result import Findings

if TYPE_CHECKING:
    from kikuchi.scans import Scan


@dataclass(frozen=True, eq=False)
class Facts(Findings):
    """Description of a file or folder, read by key."""

    def summary(self) -> str:
        """Return a line for each fact."""
        return "\n".join(f"{name}: {value}" for name, value in self.items())


def facts(path: str | Path, shape: tuple[int, int] | None = None, scan_name: str | None = None) -> Facts:
    """Say what a file or folder is: a bundle, a logits store, a map's folder, a scan, or a TOML file of this toolkit.

    Parameters
    ----------
    path
        File, folder or glob.
    shape
        Rows and columns of a scan's grid, where its file does not say.
    scan_name
        Which scan of several in a file.

    Returns
    -------
    Facts
        By name; ``what`` says which of them it is.

    Raises
    ------
    InputError
        It is none of them, or broken.
    """
    folder = Path(path)
    if (folder / "bundle.json").is_file() or (folder / "fit.json").is_file():
        return Facts(_bundle_facts(folder))
    if (folder / "store.json").is_file():
        return Facts(_store_facts(folder))
    if (folder / "summary.json").is_file():
        return Facts(_map_facts(folder))
    if folder.suffix.lower() == ".toml":
        return Facts(_toml_facts(folder))
    return Facts(_scan_facts(path, shape, scan_name))


def _bundle_facts(folder: Path) -> dict[str, Any]:
    from kikuchi.bundle.bundle import Bundle
    from kikuchi.bundle.mixed import mixed_words
    from kikuchi.bundle.simulators import simulators_text
    from kikuchi.bundle.strangers import gate_words
    from kikuchi.crystallography.extinction import diffraction, same_extinction

    bundle = Bundle.load(folder)
    certificate = bundle.promised(bundle.abstentions[bundle.rule]).certificate
    return {
        "what": "bundle, every file as it was written",
        **({"phases": [phase.name for phase in bundle.phases]} if bundle.phases else {}),
        "space_groups": list(bundle.classes),
        "extinction_classes": [diffraction(number).extinction_class for number in bundle.classes],
        "not_told_apart": {
            str(number): [other for other in same_extinction(number) if other != number]
            for number in bundle.classes
        },
        "members": [m.name for m in bundle.members],
        "architectures": sorted({f"{m.architecture} {m.size}x{m.size}" for m in bundle.members}),
        "materials": [m["name"] for m in bundle.manifest["materials"]],
        "patterns": bundle.manifest["splits"],
        **({"simulators": simulators_text(bundle.manifest)} if "simulators" in bundle.manifest else {}),
        "rule": bundle.rule,
        "calibration": bundle.calibrations[bundle.rule].method,
        "promise": certificate.message,
        "independent_by": bundle.manifest.get("unit"),
        **({"independent_units": units} if (units := bundle.manifest.get("independent_units")) else {}),
        **({"strangers": gate_words(bundle.manifest["strangers"])} if bundle.gate is not None else {}),
        **({"mixed": mixed_words(bundle.manifest["mixed"])} if "mixed" in bundle.manifest else {}),
        **({"note": bundle.shared_grains} if bundle.shared_grains else {}),
        "created": bundle.manifest["created"],
        "seed": bundle.manifest["seed"],
        "fingerprint": bundle.fingerprint,
    }


def _store_facts(folder: Path) -> dict[str, Any]:
    from kikuchi.inference.logits_store import LogitsStore

    store = LogitsStore.read(folder)
    missing = sum(part.stop - part.start for part in store.missing())
    return {
        "what": "logits store",
        "members": list(store.identity.members),
        "patterns": store.identity.n_patterns,
        "patterns_missing": missing,
        "classes": store.identity.n_classes,
        "dropout_draws": store.identity.draws,
    }


def _map_facts(folder: Path) -> dict[str, Any]:
    from kikuchi._support import atomic

    summary = atomic.read_json(folder / "summary.json", remedy="map the scan again")
    if not isinstance(summary, dict):
        raise InputError("not a map's summary", path=folder / "summary.json", remedy="map the scan again")
    wanted = ("name", "shape", "patterns", "classes", "rule", "status", "promised_risk")
    levels, grains = summary.get("levels") or {}, summary.get("grains") or {}
    return (
        {"what": "map"}
        | {name: summary.get(name) for name in wanted}
        | {"levels": levels.get("points"), "grains": grains.get("grains")}
    )


def _toml_facts(path: Path) -> dict[str, Any]:
    """Say what a dataset, a recipe or a specification for `simulate` holds."""
    from kikuchi._support.text import read_toml
    from kikuchi.recipes.schema import load_recipe
    from kikuchi.scans import load_dataset
    from kikuchi.simulate.scenes.spec import load_spec

    tables = read_toml(path, "TOML file")
    materials = tables.get("material", [])
    if isinstance(materials, list) and any(isinstance(m, dict) and "scan" in m for m in materials):
        data = load_dataset(path)
        record = [
            f"{m.name} ({m.space_group}): {len(m.indices)} patterns of {m.scan.path}"
            + ("" if m.scan.note is None else f"; {m.scan.note}")
            for m in data.materials
        ]
        return {
            "what": "dataset",
            "space_groups": list(data.classes),
            "patterns": data.n,
            "materials": record,
        }
    if "member" in tables:
        return {"what": "recipe", **load_recipe(path).model_dump(mode="json", exclude_none=True)}
    return {"what": "specification of a simulation"} | load_spec(path).model_dump(
        mode="json", exclude_none=True
    )


def _scan_facts(path: str | Path, shape: tuple[int, int] | None, scan_name: str | None) -> dict[str, Any]:
    from kikuchi.scans import open_scan

    scan = open_scan(path, shape, scan_name)
    return {
        "what": "scan",
        "name": scan.name,
        "patterns": scan.n,
        "grid": list(scan.shape),
        "grid_kind": scan.metadata.get("grid", "square"),
        "step_um": [float(s) for s in scan.step],
        "pattern_shape": list(scan.signal_shape),
        "dtype": str(scan.dtype),
        "voltage_kv": scan.voltage_kv,
        "sample_tilt": scan.sample_tilt,
        "pattern_centre": None if scan.pattern_centre is None else np.round(scan.pattern_centre, 4).tolist(),
        "static_background": scan.static_background is not None,
        "phases": _phases(scan),
        "problems": len(scan.problems),
        "note": scan.note,
    }


def _phases(scan: "Scan") -> list[str] | None:
    """Name the phases of a scan's own list, with the space group and the points of each."""
    if scan.phase_names is None:
        return None
    record = []
    for name in sorted({str(name) for name in scan.phase_names if name}):
        here = scan.phase_names == name
        number = 0 if scan.space_groups is None else int(scan.space_groups[here][0])
        record.append(f"{name} ({number or 'space group unknown'}): {int(here.sum())} points")
    return record
