"""Deep ensembles of whole networks beside one network read by MC-dropout, VI, NUTS, Laplace and SWAG.

    python -m reports.future_work.bayesian_whole --work WORK [--seeds 3] [--seed 2026]

The same patterns, classes and scores as `bayesian.py`, but whole compact networks are trained, each from the shipped
backbone with a head and an order of patterns of its own. For every seed: one of 60 epochs, read as it is, by
MC-dropout and by four posteriors of its last layer; five of 12 epochs, the same number of patterns shown; and five of
60, five times the cost. Rows stay in WORK, and the same command goes on there; the result is ``bayesian_whole.json``.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from kikuchi.members import (
    MemberSpec,
    Training,
    build_member,
    features_of,
    load_backbone_weights,
    train_member,
)
from kikuchi.scans import Preparation
from reports._provenance import provenance
from reports.future_work import populations
from reports.future_work.bayesian import (
    CALIBRATE,
    DEEP,
    EPOCHS,
    GROUPS,
    POSTERIORS,
    RATE,
    TEST,
    TRAIN,
    Part,
    Reader,
    scores,
    table,
)

HERE = Path(__file__).parent
VALIDATE = 25  # of each class: the epoch that is kept is chosen by these
EQUAL, FIVEFOLD = "deep ensemble, equal cost", "deep ensemble, five times the cost"


def sets(work: Path, seed: int) -> dict[str, Part]:
    """Return prepared patterns and class indices: train, validation, calibration, test, shifted, foreign."""
    found, rng = {}, np.random.default_rng(seed)
    preparation = Preparation(size=64)
    data = populations.all_of(work, seed)

    def prepared(name: str, positions: np.ndarray) -> np.ndarray:
        return data[name].prepared(positions, preparation).astype(np.float16)

    y = np.searchsorted(GROUPS, data["six"].space_group)
    order = [rng.permutation(np.flatnonzero(y == k)) for k in range(len(GROUPS))]
    cuts = np.cumsum([0, TRAIN, VALIDATE, CALIBRATE, TEST])
    for name, low, high in zip(("train", "validation", "calibration", "test"), cuts, cuts[1:], strict=False):
        chosen = np.sort(np.concatenate([o[low:high] for o in order]))
        found[name] = (prepared("six", chosen), y[chosen])
    for name in ("shifted", "foreign"):
        found[name] = (prepared(name, np.arange(data[name].n)), np.full(data[name].n, -1))
    found["shifted"] = (found["shifted"][0], np.searchsorted(GROUPS, data["shifted"].space_group))
    return found


class Network:
    """A whole compact network, as `bayesian.Reader` reads networks; what it says of a set is worked out once."""

    def __init__(self, parts: dict[str, Part], seed: int, epochs: int) -> None:
        begin = time.process_time()
        spec = MemberSpec(f"m{seed}", "scratch", "compact", 64, len(GROUPS), dropout=RATE, seed=seed)
        model = build_member(spec)
        load_backbone_weights(model, "kikuchi")
        schedule = Training(
            epochs=epochs, batch=32, patience=epochs, flip_augmentation=True, cosine_decay=True
        )
        train_member(model, parts["train"], parts["validation"], schedule, seed=seed)
        self.seconds = time.process_time() - begin
        kernel, bias = (np.asarray(w) for w in model.get_layer("head").get_weights())
        self.w = [None, None, kernel, bias]
        self._features = {id(x): features_of(model, x) for x, _ in parts.values()}

    def hidden(self, x: np.ndarray) -> np.ndarray:
        """Return what enters the last layer, (n, 256)."""
        return self._features[id(x)]

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the logits without dropout, (n, K)."""
        return self.hidden(x) @ self.w[2] + self.w[3]


def main() -> None:
    """Train and read what is missing, and keep the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for patterns and rows")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    parts = sets(given.work, given.seed)
    judged = {name: part for name, part in parts.items() if name != "validation"}
    path = given.work / "bayesian_whole_rows.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    for s in range(given.seeds):
        if sum(r["seed"] == s for r in rows) == 4 + len(POSTERIORS):
            continue
        rows = [r for r in rows if r["seed"] != s]
        full = [Network(parts, 100 * (s + 1) + i, EPOCHS) for i in range(DEEP)]
        short = [Network(parts, 100 * (s + 1) + 50 + i, EPOCHS // DEEP) for i in range(DEEP)]
        ways = {"single": full[:1], "MC-dropout": full[:1], EQUAL: short, FIVEFOLD: full}
        for method in (*ways, *POSTERIORS):
            reader = Reader(ways.get(method, full[:1]), parts["train"], method, s)
            rows.append({"method": method, "seed": s} | scores(reader, judged) | {"fit": reader.report})
            print(time.strftime("%H:%M:%S"), method, s, f"{reader.seconds:.1f} s", flush=True)
        path.write_text(json.dumps(rows), encoding="utf-8")
    result = {
        **provenance(seed=given.seed),
        "rows": rows,
    }
    (HERE / "bayesian_whole.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
