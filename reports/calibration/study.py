"""Every calibration that a recipe may name, ours and netcal's, on the patterns of the ensemble that ships.

    python -m reports.calibration.study

``study.json`` beside this file is the result, and ``README.md`` shows it. Nothing is trained: pooled outputs of the
calibration part are fitted to, those of the test part judged. A minute and a half.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from ensemble.calibration import METHODS, NETCAL_METHODS, fit_calibration
from ensemble.metrics import expected_calibration_error, log_loss, maximum_calibration_error
from kikuchi.evaluation.netcal_scores import netcal_scores
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent

#: What an import costs, in a process of its own: processor seconds, and kB of memory at most, as Linux counts them.
COST = (
    "import time, warnings; warnings.simplefilter('ignore'); import numpy; b = time.process_time(); import {};"
    "print(time.process_time() - b, next(line for line in open('/proc/self/status') if 'VmHWM' in line).split()[1])"
)


def outputs() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pooled probabilities and classes: of the calibration part, of the test part."""
    bundle = kikuchi.Predictor.load("shipped")
    held_out = bundle.held_out
    parts = [held_out.calibration, held_out.select(held_out.part == 2)]
    pooled = [bundle.combined(part.outputs, bundle.rule).probabilities for part in parts]
    return pooled[0], parts[0].labels, pooled[1], parts[1].labels


def judged(method: str, p: np.ndarray, y: np.ndarray, q: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Fit one method and judge it on the other part, by our scores and by netcal's."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        begin = time.process_time()
        fitted = fit_calibration(p, y, method)
        seconds = time.process_time() - begin
    refused = [str(w.message) for w in said if "no calibration is used" in str(w.message)]
    found = fitted.apply(q)
    ece, mce = expected_calibration_error(found, truth), maximum_calibration_error(found, truth)
    theirs = netcal_scores(found, truth)
    return {
        "method": method,
        "used": fitted.method == method,
        "why_not": refused[0].removesuffix(": no calibration is used") if refused else "",
        "fit_cpu_s": seconds,
        "log_loss": log_loss(found, truth),
        "ece": ece,
        "mce": mce,
        "from_netcals_ece": abs(ece - theirs["ece"]),
        "from_netcals_mce": abs(mce - theirs["maximum_calibration_error"]),
        "json_bytes": len(json.dumps(fitted.to_dict())),
    }


def table(found: dict[str, Any]) -> str:
    """Return the rows as the page shows them."""
    lines = [
        "| method | log-loss | ECE | largest gap | fit, CPU s | kept, kB | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in found["methods"]:
        note = (
            "" if row["used"] else f"refused: {row['why_not'].removeprefix(row['method'] + ' calibration ')}"
        )
        scores = [f"{row[key]:.4f}" for key in ("log_loss", "ece")] + [f"{row['mce']:.3f}"]
        costs = [f"{row['fit_cpu_s']:.2f}", f"{row['json_bytes'] / 1000:.1f}"]
        lines.append("| " + " | ".join([f"`{row['method']}`", *scores, *costs, note]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Fit and judge every method once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[*METHODS, *NETCAL_METHODS], help="some of the methods")
    parser.add_argument("--patterns", type=int, default=None, help="fit to so many of the calibration part")
    wanted = parser.parse_args()
    p, y, q, truth = outputs()
    kept = slice(None) if wanted.patterns is None else slice(None, None, max(1, len(y) // wanted.patterns))
    p, y = p[kept], y[kept]
    # Its import is no part of a fit.
    import netcal.binning
    import netcal.scaling  # noqa: F401

    costs = {}
    for module in ("netcal.scaling", "sklearn.isotonic"):
        said = subprocess.run(
            [sys.executable, "-c", COST.format(module)], capture_output=True, text=True, check=True
        )
        seconds, memory = map(float, said.stdout.split())
        costs[module] = {"cpu_s": seconds, "memory_gb": memory * 1024 / 1e9}
    result = {
        "what": "calibrations of the pooled outputs of the ensemble that ships, fitted to the calibration part and "
        "judged on the test part; from_netcals_... is the distance from netcal's own ECE and MCE",
        "classes": p.shape[1],
        "fitted_to": len(y),
        "judged_on": len(truth),
        "import": costs,
        "methods": [judged(method, p, y, q, truth) for method in wanted.only],
    } | provenance(also=("netcal", "torch", "scikit-learn"))
    (HERE / "study.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
