"""The statistics alone, on any classifier: five scikit-learn networks on handwritten digits, no diffraction anywhere.

    python examples/statistics_alone.py

Pool the members, calibrate the pool, certify a risk, and let the ensemble say when nobody should answer. Some seconds.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from ensemble.abstention import Status, decide, fit_abstention
from ensemble.calibration import fit_calibration
from ensemble.metrics import expected_calibration_error, log_loss
from ensemble.pooling import combine

RISK = 0.02


def main() -> None:
    """Train members, then do everything else on arrays."""
    x, y = load_digits(return_X_y=True)
    x_train, x_rest, y_train, y_rest = train_test_split(x / 16, y, train_size=400, random_state=0, stratify=y)
    # The pool is calibrated on one part, its promise tested on a second, and both are judged on a third.
    parts = np.random.default_rng(0).choice(3, len(y_rest), p=[0.25, 0.5, 0.25])
    calibration, certification, test = (parts == part for part in range(3))

    members = [
        MLPClassifier((32,), max_iter=600, random_state=seed).fit(x_train, y_train) for seed in range(5)
    ]
    # Logits (M, N, K). Log-probabilities are logits: the softmax of log p is p.
    logits = np.log(np.stack([m.predict_proba(x_rest) for m in members]) + 1e-12)

    pooled = combine(logits, "average")
    fitted = fit_calibration(pooled.probabilities[calibration], y_rest[calibration], "temperature")
    p = fitted.apply(pooled.probabilities)
    for name, q in (("pooled", pooled.probabilities), ("calibrated", p)):
        ece = expected_calibration_error(q[test], y_rest[test])
        print(f"{name:10} log-loss {log_loss(q[test], y_rest[test]):.3f}, calibration error {ece:.3f}")

    rule = fit_abstention(p[certification], y_rest[certification], risk=RISK)
    print(rule.certificate.message)

    decision = decide(combine(logits[:, test], "average"), p[test], rule)
    answered = decision.status == Status.SOLVED
    wrong = decision.winner != y_rest[test]
    print(
        f"answered {answered.mean():.0%}, of these {wrong[answered].mean():.1%} wrong; always: {wrong.mean():.1%}"
    )
    least_sure = int(np.argmin(decision.confidence))
    print(f"least sure of all: {np.flatnonzero(decision.candidates[least_sure]).tolist()} could be right")


if __name__ == "__main__":
    main()
