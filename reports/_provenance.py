"""Where a number comes from: command, date, machine and versions, each of them measured when a study runs."""

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kikuchi._support.versions import versions

ROOT = Path(__file__).resolve().parent.parent

#: What may answer or count beside the packages that every result depends on.
ALSO = ("onnxruntime", "openvino", "numba", "pyebsdindex", "distributed", "jax")

#: Before the study adds its own work to it.
_LOAD_AT_START = os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def provenance(*, seed: int | None = None, also: Sequence[str] = ALSO) -> dict[str, Any]:
    """Say how a result came about.

    Parameters
    ----------
    seed
        Of all random draws; left out of the record where a study draws nothing.
    also
        Distributions whose versions matter beside those of `kikuchi._support.versions`; absent ones are left out.

    Returns
    -------
    dict
        ``command``, ``seed``, ``date`` (UTC, ISO 8601), ``machine`` and ``versions``.
    """
    found: dict[str, Any] = {"command": command()}
    if seed is not None:
        found["seed"] = seed
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return found | {"date": today, "machine": machine(), "versions": versions() | _installed(also)}


def command() -> str:
    """Return the command line of this process, as it can be typed in the root of a checkout.

    Absolute paths outside the checkout are shown by their last part: folders of one machine say nothing on another.
    """
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        start = ["-m", spec.name.removesuffix(".__main__")]
    else:
        start = [_shown(sys.argv[0])] if sys.argv[0] else []
    return " ".join(["python", *start, *map(_shown, sys.argv[1:])])


def machine() -> dict[str, Any]:
    """Return what the machine is, as far as it says: processor, cores of this process, memory, load, GPU."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": _cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average_at_start": None if _LOAD_AT_START is None else round(_LOAD_AT_START, 2),
    }
    threads = os.environ.get("KIKUCHI_CORES") or os.environ.get("OMP_NUM_THREADS")
    if threads:
        found["threads_limited_to"] = threads
    # Asked only of what the study has loaded: PyTorch takes seconds to import.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(0)
    return {name: value for name, value in found.items() if value is not None}


def _shown(argument: str) -> str:
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _installed(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
