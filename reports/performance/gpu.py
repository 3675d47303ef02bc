"""The paper's network on a GPU: an epoch of training and prediction, with nothing installed but Keras and a backend.

    KERAS_BACKEND=jax python -m reports.performance.gpu --out gpu.json        (or torch, or tensorflow)

2400 patterns of 299 x 299 are one epoch; the paper took 120 s for it on a Titan V (Kaufmann et al. 2021). Patterns are
noise: the clock does not see them. ``--size 71 --patterns 24`` is a try that any processor does in a minute.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
# Nothing is installed there but Keras: the packages are taken from the checkout.
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from kikuchi.members import MemberSpec, Training, build_member, predict, train_member  # noqa: E402
from kikuchi.members.architectures import precision  # noqa: E402
from reports._provenance import provenance  # noqa: E402

#: Seconds an epoch of 2400 patterns took in the paper.
PAPER_SECONDS = 120


def main() -> None:
    """Train for some epochs, predict, and say how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patterns", type=int, default=2400, help="patterns of one epoch")
    parser.add_argument("--size", type=int, default=299)
    parser.add_argument("--epochs", type=int, default=4, help="the first is not counted: it compiles")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 64, 256])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args()
    import keras

    rng = np.random.default_rng(given.seed)
    x = rng.uniform(-1, 1, (given.patterns, given.size, given.size)).astype(np.float16)
    y = np.arange(given.patterns) % 6
    spec = MemberSpec("gpu", "scratch", "xception", given.size, 6, seed=given.seed)
    model = build_member(spec)
    schedule = Training(epochs=given.epochs, patience=given.epochs)
    few = slice(0, max(12, given.patterns // 10))
    history = train_member(model, (x, y), (x[few], y[few]), schedule, seed=given.seed)
    epochs = [epoch.seconds for epoch in history.epochs[1:]]
    result = {
        **provenance(seed=given.seed),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "device": device(),
        "precision": precision(),
        "patterns": given.patterns,
        "size": given.size,
        "epoch_seconds": {
            "first": round(history.epochs[0].seconds, 3),
            "median": round(float(np.median(epochs)), 3),
            "least": round(min(epochs), 3),
            "most": round(max(epochs), 3),
        },
        "paper_epoch_seconds": PAPER_SECONDS,
        "predict": rates(model, spec, x, given),
    }
    text = json.dumps(result, indent=1) + "\n"
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    print(text)


def rates(model, spec: MemberSpec, x: np.ndarray, given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Time ``model.predict`` and ours for all members on the same patterns, in turn; logits beside the rate."""
    from dataclasses import replace

    patterns = x[: min(len(x), 1024)].astype(np.float32)
    models = [model, *(build_member(replace(spec, seed=i)) for i in range(1, given.members))]

    def ours(batch: int) -> list[np.ndarray]:
        return [predict(m, patterns, batch)[0] for m in models]

    cases: dict[str, Callable[[], list[np.ndarray]]] = {
        "predict loop": lambda: [m.predict(patterns[..., None], verbose=0)[0] for m in models]
    }
    for batch in given.batch:
        cases[f"ours, batches of {batch}"] = partial(ours, batch)
    said = {name: np.stack(case()) for name, case in cases.items()}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(3):
        for name, case in cases.items():
            begin = time.perf_counter()
            case()
            seconds[name].append(time.perf_counter() - begin)
    wanted = said["predict loop"].argmax(axis=-1)
    return {
        name: {
            "patterns_per_second": round(len(patterns) / float(np.median(taken)), 1),
            "least": round(len(patterns) / max(taken), 1),
            "most": round(len(patterns) / min(taken), 1),
            "label_agreement": round(float((said[name].argmax(axis=-1) == wanted).mean()), 5),
        }
        for name, taken in seconds.items()
    }


def device() -> str:
    """Name the device, as far as the backend tells."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else platform.processor() or "CPU"
    found = keras.distribution.list_devices("gpu") or ["CPU"]
    return os.environ.get("DEVICE_NAME", str(found[0]))


if __name__ == "__main__":
    main()
