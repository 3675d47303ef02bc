"""The members that the study explains: trained on simulated Ni3Al, Ni and Fe, from published dynamical master patterns.

    python -m reports.explanations.ensembles ../shared/masters --work WORK

Fits five compact members at 64 x 64, three from scratch and two by transfer, into ``WORK/compact``. Interrupted, the
same command goes on.
"""

import argparse
from pathlib import Path

from kikuchi._support.progress import Lines
from kikuchi.inference.predictor import Predictor
from kikuchi.recipes.schema import parse_recipe
from kikuchi.simulate import simulate
from kikuchi.simulate.scenes.spec import Spec, spec_from_dict
from kikuchi.workflows.fit import fit

#: Space groups 221, 225 and 229, 20 kV, from the SHTdatabase (doi 10.5281/zenodo.3515408).
MASTERS = {
    "Ni3Al": "Ni3Al_gamma_prime_sg221_20kV.sht",
    "Ni": "Ni_nickel_sg225_20kV.sht",
    "Fe": "Fe_alpha_iron_sg229_20kV.sht",
}

RECORDING = {
    "detector": {"shape": [60, 60]},
    "microscope": {"contrast": {"uniform": [0.2, 0.35]}, "dose": {"loguniform": [2000, 8000]}},
}

COMPACT = """
[[member]]
kind = "scratch"
count = 3
size = 64
dropout = 0.3
[[member]]
kind = "transfer"
count = 2
size = 64
dropout = 0.3
weights = "kikuchi"
[train]
epochs = 9
batch = 32
mirror = true
warm_down = true
[split]
train_per_class = 1000
validation_per_class = 100
[abstain]
risk = 0.05
"""


def specification(masters: Path, count: int, seed: int, names: tuple[str, ...] = tuple(MASTERS)) -> Spec:
    """Return what to simulate: `count` patterns of each material in orientations of their own."""
    materials = [{"name": name, "master": str(masters / MASTERS[name]), "count": count} for name in names]
    return spec_from_dict({"seed": seed, "material": materials, **RECORDING})


def fitted(masters: Path, work: Path, seed: int) -> Predictor:
    """Simulate and fit what is not there yet."""
    if (work / "compact" / "bundle.json").is_file():
        return Predictor.load(work / "compact")
    dataset = work / "labelled" / "dataset.toml"
    if not dataset.is_file():
        simulate(specification(masters, 1500, seed), work / "labelled")
    return fit(dataset, parse_recipe(COMPACT, "compact"), work / "compact", seed=seed, progress=Lines())


def arguments(description: str | None, *parts: str) -> argparse.Namespace:
    """Read what every script here is told; `parts` are those it can be asked for."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("masters", type=Path, help="folder of the public .sht master patterns")
    parser.add_argument("--work", type=Path, required=True, help="folder for scans and bundles")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--disagreements", type=int, default=40, help="patterns explained by the study")
    if parts:
        parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments(__doc__)
    fitted(given.masters, given.work, given.seed)
