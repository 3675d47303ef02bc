"""The verdict's sentence, from numbers put in by hand."""

import pytest

from kikuchi.evaluation.verdict import verdict

NOTHING = {"value": None, "low": None, "high": None}


def evaluated(held, certified=0.02, answered=800, ratio=(0.64, 0.5, 0.8), risk=(0.01234, 0.0061, 0.0221)):
    keys = ("value", "low", "high")
    return {
        "rule": "average",
        "patterns": 1000,
        "promises": {
            "average": {
                "verdict": held,
                "certificate": {"certified_risk": certified},
                "answered": answered,
                "measured_risk": dict(zip(keys, risk, strict=True)),
            }
        },
        "against_best_single": {
            "average": {"log_loss_ratio": NOTHING if ratio is None else dict(zip(keys, ratio, strict=True))}
        },
    }


def test_a_kept_promise_in_one_sentence():
    text, kept = verdict(evaluated("kept"))
    assert kept
    assert text == (
        "Of 1,000 patterns the ensemble answers 80 % and 1.2 % of its answers are wrong (95 % interval 0.61 % to "
        "2.2 %): what was promised (at most 2 %) is kept; its probabilities are better than the best single member's "
        "(log-loss "
        "0.64 times)."
    )


@pytest.mark.parametrize(
    ("found", "words", "kept"),
    [
        (evaluated("broken"), "the promise of at most 2 % is broken", False),
        (evaluated("within chance"), "above the promised 2 %, but within chance of it", True),
        (evaluated("nothing promised", certified=1.0), "nothing was promised", False),
        (evaluated("nothing answered", answered=0), "answers none: nothing was answered", False),
        (evaluated("kept", ratio=(1.2, 1.1, 1.4)), "worse than the best single member", True),
        (evaluated("kept", ratio=(0.9, 0.7, 1.1)), "cannot be told from", True),
        (evaluated("kept", ratio=None), "nothing can be said", True),
    ],
)
def test_every_other_outcome_is_named(found, words, kept):
    text, held = verdict(found)
    assert words in text and text.count(".  ") == 0 and text.endswith(".")
    assert held is kept
