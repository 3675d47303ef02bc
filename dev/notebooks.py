"""The examples as notebooks: ``python -m dev notebooks`` writes them into build/notebooks.

The scripts of examples/ have cells: ``# %%`` begins one of code, ``# %% [markdown]`` one of text. Jupytext, VS Code,
Spyder and PyCharm open them as they are.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
_MARK = re.compile(r"^# %%(?P<markdown> \[markdown\])?[^\n]*\n", re.MULTILINE)


def cells(script: str) -> list[tuple[str, str]]:
    r"""Split a script into its cells.

    Parameters
    ----------
    script
        With marks of the percent format. A docstring before the first of them becomes text.

    Returns
    -------
    list of (kind, source)
        Kind is ``"markdown"`` or ``"code"``.

    Examples
    --------
    >>> cells('"Hello."\n\n# %%\nimport os\n\n# %% [markdown]\n# Text.\n#\n# More.\n')
    [('markdown', 'Hello.'), ('code', 'import os'), ('markdown', 'Text.\n\nMore.')]
    """
    marks = list(_MARK.finditer(script))
    found = [("markdown", script[: marks[0].start()].strip().strip('"').strip())]
    ends = [mark.start() for mark in marks[1:]] + [len(script)]
    for mark, end in zip(marks, ends, strict=True):
        source = script[mark.end() : end].strip()
        if mark["markdown"]:
            found.append(("markdown", "\n".join(re.sub("^# ?", "", line) for line in source.splitlines())))
        else:
            found.append(("code", source))
    return [(kind, source) for kind, source in found if source]


def notebook(script: Path) -> "NotebookNode":
    """Return a script as a notebook that has not run yet."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    kinds = {"markdown": new_markdown_cell, "code": new_code_cell}
    made = new_notebook(cells=[kinds[kind](source) for kind, source in cells(script.read_text("utf-8"))])
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return made


def main(folder: Path) -> None:
    """Write a notebook of every example into a folder."""
    import nbformat

    folder.mkdir(parents=True, exist_ok=True)
    for script in sorted(EXAMPLES.glob("*.py")):
        nbformat.write(notebook(script), folder / f"{script.stem}.ipynb")
        print(folder / f"{script.stem}.ipynb")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "notebooks")
