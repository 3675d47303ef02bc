"""Deep ensemble, MC-dropout, variational, NUTS, Laplace and SWAG: same data and cost, intervals over seeds.

    python -m reports.future_work.bayesian --work WORK

All networks are one hidden layer of 64 units on features of the shipped backbone, which stays as it is. For every seed
one is trained for 60 epochs and five others for 12 epochs each: the same number of patterns shown. The first is read as
it is, by MC-dropout, and by four posteriors of its last layer; the others are the deep ensemble. Rows stay in WORK, and
the same command goes on there; ``bayesian.json`` beside this file is the result.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.bayesian import fit_heads
from ensemble.calibration.temperature import apply_temperature, fit_temperature
from ensemble.metrics import auroc, expected_calibration_error, fpr_at, log_loss
from ensemble.pooling import DropoutDraws, combine
from ensemble.softmax import softmax
from kikuchi.members import dropout_draws, head_draws
from reports._provenance import provenance
from reports.future_work.features import shipped_features

HERE = Path(__file__).parent
GROUPS = (221, 223, 225, 227, 229, 230)
TRAIN, CALIBRATE, TEST = 100, 50, 500
HIDDEN, RATE, EPOCHS, DEEP, DRAWS, BATCH = 64, 0.3, 60, 5, 50, 32
POSTERIORS = ("laplace", "swag", "variational", "nuts")
Part = tuple[np.ndarray, np.ndarray]


def sets(work: Path, seed: int) -> dict[str, Part]:
    """Return features and class indices: train, calibration, test, shifted, foreign (outside m-3m)."""
    f, rng = shipped_features(work, seed), np.random.default_rng(seed)
    y = np.searchsorted(GROUPS, f["six_y"])
    order = [rng.permutation(np.flatnonzero(y == k)) for k in range(len(GROUPS))]
    cuts = np.cumsum([0, TRAIN, CALIBRATE, TEST])
    parts = {}
    for name, low, high in zip(("train", "calibration", "test"), cuts, cuts[1:], strict=False):
        chosen = np.concatenate([o[low:high] for o in order])
        parts[name] = (f["six"][chosen], y[chosen])
    centre, scale = parts["train"][0].mean(axis=0), parts["train"][0].std(axis=0) + 1e-6
    parts["shifted"] = (f["shifted"], np.searchsorted(GROUPS, f["shifted_y"]))
    parts["foreign"] = (f["foreign"], np.full(len(f["foreign"]), -1))
    return {name: ((x - centre) / scale, labels) for name, (x, labels) in parts.items()}


class Network:
    """One hidden layer and a softmax layer under dropout, trained by Adam with a falling step."""

    def __init__(self, train: Part, seed: int, epochs: int) -> None:
        begin = time.process_time()
        rng = np.random.default_rng(seed)
        x, y = train
        sizes = [(x.shape[1], HIDDEN), (HIDDEN,), (HIDDEN, len(GROUPS)), (len(GROUPS),)]
        self.w = [rng.normal(0, (2 / s[0]) ** 0.5, s) if len(s) > 1 else np.zeros(s) for s in sizes]
        first, second = ([np.zeros(s) for s in sizes] for _ in range(2))
        truth, step, steps = np.eye(len(GROUPS))[y], 0, epochs * (len(y) // BATCH)
        for _ in range(epochs):
            order = rng.permutation(len(y))
            for start in range(0, len(y) - BATCH + 1, BATCH):
                batch = order[start : start + BATCH]
                gradients = self._gradients(x[batch], truth[batch], rng)
                step += 1
                rate = 0.003 * 0.5 * (1 + np.cos(np.pi * step / steps))
                for w, g, m, v in zip(self.w, gradients, first, second, strict=True):
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    w -= rate * (m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8) + 1e-3 * w)
        self.seconds = time.process_time() - begin

    def _gradients(self, x: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        kept = (rng.random((len(x), HIDDEN)) >= RATE) / (1 - RATE)
        hidden = self.hidden(x)
        dropped = hidden * kept
        error = (softmax(dropped @ self.w[2] + self.w[3]) - truth) / len(x)
        back = (error @ self.w[2].T) * kept * (hidden > 0)
        return [x.T @ back, back.sum(axis=0), dropped.T @ error, error.sum(axis=0)]

    def hidden(self, x: np.ndarray) -> np.ndarray:
        """Return what enters the last layer, (n, 64)."""
        return np.maximum(x @ self.w[0] + self.w[1], 0)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the logits without dropout, (n, K)."""
        return self.hidden(x) @ self.w[2] + self.w[3]


class Reader:
    """One way of reading networks: probabilities of a set, with their entropy and mutual information."""

    def __init__(self, nets: Sequence[Any], train: Part, method: str, seed: int) -> None:
        self.nets, self.method, self.seed = nets, method, seed
        self.report: dict = {}
        begin = time.process_time()
        if method in POSTERIORS:
            heads = fit_heads(method, nets[0].hidden(train[0]), train[1], len(GROUPS), draws=DRAWS, seed=seed)
            self.heads, self.report = (heads.kernels, heads.biases), heads.report
        self.extra = time.process_time() - begin
        self.seconds = sum(net.seconds for net in nets) + self.extra

    def combined(self, x: np.ndarray):
        """Pool the draws, or the networks."""
        if self.method not in ("MC-dropout", *POSTERIORS):
            return combine(np.stack([net.logits(x) for net in self.nets]), "average")
        net = self.nets[0]
        if self.method == "MC-dropout":
            d = dropout_draws(net.hidden(x), net.w[2], net.w[3], rate=RATE, draws=DRAWS, seed=self.seed)
        else:
            d = head_draws(net.hidden(x), *self.heads)
        return combine(None, "mc-dropout", draws=DropoutDraws(d.mean[None], d.entropy[None], d.votes[None]))


def scores(reader: Reader, parts: dict[str, Part]) -> dict[str, float]:
    """Score a reader raw, and calibrated by one temperature on the calibration set."""
    pool = {name: reader.combined(x) for name, (x, _) in parts.items() if name != "train"}
    temperature = fit_temperature(pool["calibration"].probabilities, parts["calibration"][1])
    found: dict[str, float] = {"seconds": reader.seconds, "temperature": temperature["temperature"]}
    for name in ("test", "shifted"):
        y, raw = parts[name][1], pool[name].probabilities
        p = apply_temperature(raw, temperature)
        found |= {
            f"{name}_accuracy": (raw.argmax(axis=1) == y).mean(),
            f"{name}_log_loss_raw": log_loss(raw, y),
            f"{name}_log_loss": log_loss(p, y),
            f"{name}_ece_raw": expected_calibration_error(raw, y),
            f"{name}_ece": expected_calibration_error(p, y),
        }
    for score in ("entropy", "mutual_information"):
        known, strange = (getattr(pool[name], score) for name in ("test", "foreign"))
        if np.ptp(known) > 1e-9:
            found |= {f"{score}_auroc": auroc(known, strange), f"{score}_fpr95": fpr_at(known, strange)}
    return {k: float(v) for k, v in found.items()}


def main() -> None:
    """Train and read what is missing, and keep the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for patterns, features and rows")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    parts = sets(given.work, given.seed)
    path = given.work / "bayesian_rows.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    singles = []
    for s in range(given.seeds):
        singles.append(Network(parts["train"], s, EPOCHS))
        deep = [Network(parts["train"], 100 * (s + 1) + i, EPOCHS // DEEP) for i in range(DEEP)]
        for method in ("single", "MC-dropout", "deep ensemble", *POSTERIORS):
            if any(r["method"] == method and r["seed"] == s for r in rows):
                continue
            nets = deep if method == "deep ensemble" else singles[-1:]
            reader = Reader(nets, parts["train"], method, s)
            rows.append({"method": method, "seed": s} | scores(reader, parts) | {"fit": reader.report})
            path.write_text(json.dumps(rows))
            print(time.strftime("%H:%M:%S"), method, s, f"{reader.seconds:.1f} s", reader.report, flush=True)
    large = f"deep ensemble of {given.seeds} full networks"
    rows = [r for r in rows if not r["method"].startswith("deep ensemble of")]
    reader = Reader(singles, parts["train"], large, 0)
    rows.append({"method": large, "seed": 0} | scores(reader, parts) | {"fit": {}})
    result = {
        **provenance(seed=given.seed),
        "rows": rows,
    }
    (HERE / "bayesian.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def table(rows: list[dict]) -> str:
    """Return mean and half width of the 95 % interval over seeds (Student's t), as Markdown."""
    from scipy.stats import t

    columns: tuple[str, ...] = (
        "test_accuracy",
        "test_log_loss_raw",
        "test_log_loss",
        "test_ece_raw",
        "test_ece",
    )
    columns += ("entropy_auroc", "entropy_fpr95", "mutual_information_auroc")
    columns += ("shifted_accuracy", "shifted_log_loss", "shifted_ece", "seconds")
    lines = ["| | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    for method in dict.fromkeys(r["method"] for r in rows):
        cells = []
        for column in columns:
            values = np.array([r[column] for r in rows if r["method"] == method and column in r])
            if len(values) > 1:
                half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
                cells.append(f"{values.mean():.3f} ± {half:.3f}")
            else:
                cells.append(f"{values[0]:.3f}" if len(values) else "-")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
