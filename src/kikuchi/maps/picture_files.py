"""A map's pictures as files: PNG to look at, SVG and PDF to print, and the captions apart."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kikuchi._support.atomic import replaced, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Folder of what is printed.
FIGURES = "figures"


def write_pictures(
    draw: Mapping[str, "Callable[[], Figure]"], out: Path, *, more: bool = False
) -> list[Path]:
    """Draw figures in Matplotlib's own style, whatever the session's is, and write them in three formats.

    Parameters
    ----------
    draw
        What draws each, by the name of its files; a figure's label is its caption.
    out
        Folder: ``<name>.png`` in it, ``figures/<name>.svg`` and ``.pdf`` below it, ``figures/captions.md`` with the
        title and the caption of each. Text in an SVG stays text; a caption is also in each file's metadata.

    more
        Whether captions of other pictures are there and stay.

    Returns
    -------
    list of Path
        The PNG files.

    Raises
    ------
    InputError
        A file cannot be written.
    """
    import matplotlib
    from matplotlib import style

    written = []
    below = out / FIGURES
    figures: dict[str, Figure] = {}
    # Words of another size, as libraries set them for a whole session, would not fit.
    with (
        style.context("default"),
        matplotlib.rc_context({"svg.hashsalt": "kikuchi", "svg.fonttype": "none", "pdf.fonttype": 42}),
    ):
        for name, one in draw.items():
            figure = figures[name] = one()
            # The layout is solved once and kept: it costs more than the drawing.
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            caption = str(figure.get_label())
            with replaced(out / f"{name}.png") as temporary:
                figure.savefig(temporary, format="png", metadata={"Description": caption})
            written.append(out / f"{name}.png")
            with replaced(below / f"{name}.svg") as temporary:
                about = {"Date": None, "Creator": None, "Description": caption}
                figure.savefig(temporary, format="svg", metadata=about)
            with replaced(below / f"{name}.pdf") as temporary:
                dated = {"CreationDate": None, "Creator": None, "Producer": None}
                figure.savefig(temporary, format="pdf", metadata=dated | {"Subject": caption})
    captions = below / "captions.md"
    before = captions.read_text(encoding="utf-8") if more and captions.is_file() else "# Captions\n"
    write_text(captions, before + _captions(figures))
    return written


def _captions(figures: Mapping[str, "Figure"]) -> str:
    parts = [
        f"\n## {name}\n\n**{figure.get_suptitle().replace(chr(10), ' ')}.** {figure.get_label()}\n"
        for name, figure in figures.items()
    ]
    return "".join(parts)
