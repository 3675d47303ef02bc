"""Options that several commands share, worded once."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ensemble.choices import PromiseName
from ensemble.choices import Rule as RuleName
from ensemble.errors import InputError

Out = Annotated[Path, typer.Option("--out", help="Folder to write; made if missing.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no progress.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**20, help="Seed of everything random.")]
Rule = Annotated[
    RuleName | None, typer.Option("--rule", help="How members are pooled; the bundle's own if not given.")
]
Risk = Annotated[
    float | None, typer.Option("--risk", help="Error rate allowed among the answered, e.g. 0.02.")
]
Confidence = Annotated[
    float | None, typer.Option("--confidence", help="Probability with which that risk must hold, e.g. 0.95.")
]
Familiar = Annotated[
    float | None, typer.Option("--familiar", help="Share of familiar patterns let through, e.g. 0.99.")
]
Among = Annotated[
    str | None,
    typer.Option(
        "--among",
        help="What the scan can hold: space groups (225,229) or materials of the bundle (Ni,Ni3Al).",
    ),
]
Promise = Annotated[
    PromiseName | None,
    typer.Option(
        "--promise",
        help="What the risk holds for: mixture is that of the held-out patterns, material any, class this scan's.",
    ),
]
Shape = Annotated[
    str | None,
    typer.Option("--shape", help="Rows and columns of the grid, e.g. 40,60, where the scan does not say."),
]
ScanName = Annotated[
    str | None,
    typer.Option(
        "--scan", help="Which scan of a file that holds several, e.g. 'Scan 2'; the first if not given."
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask", help="Scheduler of a Dask cluster: tcp://host:8786, or its scheduler file (.json)."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, max=1024, help="Work in so many processes on this machine instead of one."
    ),
]


def read_shape(text: str | None) -> tuple[int, int] | None:
    """Read ``ROWS,COLUMNS``.

    Raises
    ------
    InputError
        It is not two numbers from 1.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,9})\s*[,x]\s*(\d{1,9})\s*", text)
    if match is None or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise InputError(f"--shape {text!r} is no grid", remedy="rows and columns, such as 40,60")
    return int(match[1]), int(match[2])


Force = Annotated[
    bool, typer.Option("--force", help="Go on where labels contradict what the scans say of themselves.")
]
