"""One command for everything that is checked: ``python -m dev check`` is what CI runs.

    python -m dev STEP [STEP ...] [-- OPTIONS OF THE LAST STEP'S LAST COMMAND]

Steps are run in the order given; the first that fails ends the run with its exit code.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: One command of a step, without the interpreter: a module and its arguments.
Command = list[str]

#: Benchmarks beside each other would measure each other.
#: In the order of their folders, the dear ones first: a late one would leave a process without work.
WORKERS = ["-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder", "-p", "no:benchmark"]
COVERAGE = ["--cov", "--cov-report=term:skip-covered", "--cov-report=html:build/coverage"]


def _contracts() -> list[Command]:
    # import-linter has a console script but no module to run.
    return [["-c", "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"]]


STEPS: dict[str, tuple[str, Callable[[], list[Command]]]] = {
    "lint": (
        "ruff: style, docstrings, formatting",
        lambda: [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]],
    ),
    "format": (
        "mend what ruff can mend",
        lambda: [["-m", "ruff", "check", "--fix", "."], ["-m", "ruff", "format", "."]],
    ),
    "types": ("mypy over the packages, the studies and this command", lambda: [["-m", "mypy"]]),
    "contracts": ("import-linter: who may import whom", _contracts),
    "graph": ("layers, cycles and upward imports of the modules", lambda: [["-m", "dev.graph"]]),
    "doctests": (
        "the examples in the docstrings of both packages",
        lambda: [["-m", "pytest", "-q", "ensemble", "src/kikuchi"]],
    ),
    "tests": ("every test but the slow ones, on two cores", lambda: [["-m", "pytest", *WORKERS]]),
    "all-tests": (
        "every test once, with the lines that were run (build/coverage)",
        lambda: [["-m", "pytest", *WORKERS, "-m", "slow or not slow", *COVERAGE]],
    ),
    "oldest": (
        "the tests without networks on the oldest versions that pyproject.toml allows",
        lambda: [["-m", "dev.oldest"]],
    ),
    "docs": ("the site, into build/docs; a warning is an error", lambda: [["-m", "dev.site"]]),
    "examples": (
        "the five scripts of examples/, run as notebooks",
        lambda: [["-m", "pytest", "-q", "-m", "slow or not slow", "tests/examples"]],
    ),
    "notebooks": ("the examples as notebooks to open, into build/notebooks", lambda: [["-m", "dev.notebooks"]]),
    "bench": (
        "speed of the six hot paths, compared with the last run",
        lambda: [["-m", "pytest", "benchmarks", "--benchmark-only", "--benchmark-autosave", "--benchmark-compare"]],
    ),
}  # fmt: skip

#: What CI must pass; it then tries `oldest` too. Doctests are among the tests.
CHECK = ["lint", "types", "contracts", "docs", "all-tests"]


def run(step: str, more: list[str]) -> int:
    """Run one step, `more` behind its last command; return the first exit code that is not 0."""
    commands = STEPS[step][1]()
    commands[-1] = commands[-1] + more
    for command in commands:
        begin = time.perf_counter()
        print(f"\n== {step}: python {' '.join(command)}", flush=True)
        code = subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode
        print(
            f"== {step}: {'ok' if code == 0 else f'failed ({code})'}, {time.perf_counter() - begin:.0f} s",
            flush=True,
        )
        if code:
            return code
    return 0


def main(arguments: list[str]) -> int:
    """Run the steps that are named."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    named, more = arguments[:cut], arguments[cut + 1 :]
    steps = [step for name in named for step in (CHECK if name == "check" else [name])]
    unknown = [step for step in steps if step not in STEPS]
    if unknown or not steps:
        print(__doc__)
        print(f"    {'check':10} {', '.join(CHECK)}")
        print("\n".join(f"    {name:10} {what}" for name, (what, _) in STEPS.items()))
        return 2 if unknown else 0
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for index, step in enumerate(steps):
        if code := run(step, more if index == len(steps) - 1 else []):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
