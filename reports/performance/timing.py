"""Clocks: cases in turn, round after round, so that a busy moment hurts all alike; medians with their spread."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def rates(
    cases: Mapping[str, Callable[[], object]], n: int, rounds: int, base: str
) -> dict[str, dict[str, Any]]:
    """Time every case in every round.

    Parameters
    ----------
    cases
        Called without arguments; each handles `n` patterns. They are called once before the clock runs.
    n, rounds
        Patterns and rounds.
    base
        The case that ratios are to. A ratio is taken within a round, so that its spread is that of the ratio.

    Returns
    -------
    dict
        By case: median patterns/s; median, smallest and largest ratio to `base` by the clock; and the same by processor
        seconds, which say on a shared machine what the clock cannot.
    """
    for case in cases.values():
        case()
    clock, processor = ({name: np.empty(rounds) for name in cases} for _ in range(2))
    for turn in range(rounds):
        for name, case in cases.items():
            begin, work = time.perf_counter(), time.process_time()
            case()
            clock[name][turn] = time.perf_counter() - begin
            processor[name][turn] = time.process_time() - work
    result = {}
    for name in cases:
        ratio, by_processor = clock[base] / clock[name], processor[base] / processor[name]
        result[name] = {
            "per_second": round(float(n / np.median(clock[name])), 1),
            "ratio": spread(ratio),
            "per_processor_second": round(float(n / np.median(processor[name])), 1),
            "ratio_of_processor_seconds": spread(by_processor),
        }
    return result


def spread(values: np.ndarray) -> dict[str, float]:
    """Return median, least and most."""
    return {
        name: round(float(how(values)), 2)
        for name, how in (("median", np.median), ("least", np.min), ("most", np.max))
    }


def gemm_rate(threads: int, side: int = 1536, rounds: int = 7) -> float:
    """Return the machine's own single-precision matrix rate, GFLOP/s, the best of some rounds."""
    from threadpoolctl import threadpool_limits

    a, b = np.random.default_rng(0).random((2, side, side), dtype=np.float32)
    best = np.inf
    with threadpool_limits(threads, user_api="blas"):
        for _ in range(rounds):
            begin = time.perf_counter()
            a @ b
            best = min(best, time.perf_counter() - begin)
    return round(2 * side**3 / best / 1e9, 1)
