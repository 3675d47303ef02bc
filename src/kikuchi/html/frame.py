"""The page frame that every HTML report shares: one file, no network, every foreign name escaped.

Styles and scripts live as ordinary files beside the templates and are inlined when a page is rendered. A
content security policy in the page's head names the SHA-256 of each inlined script and forbids everything
else, so that a name from a file could not run or load anything even if it got past the escaping.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ensemble.errors import printable
from kikuchi.html.glossary import explained

_HERE = Path(__file__).parent


def render_page(
    template: str,
    *,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    chunk_scripts: bool = False,
    **context: Any,
) -> str:
    """Render one self-contained page.

    Parameters
    ----------
    template
        Name of a template under ``templates/``; it extends ``frame.html``.
    scripts, styles
        Files under ``assets/`` to inline after those of the frame. The scripts share one scope.
    chunk_scripts
        Whether the page may load script files that lie beside it (the side folder of a large map).
    **context
        What the template names; a name that is missing is an error.

    Returns
    -------
    str
        The whole HTML page.
    """
    page_script = _one_scope([asset_text(name) for name in scripts])
    inlined = [asset_text("theme.js"), *([page_script] if scripts else [])]
    sources = [f"'sha256-{_sha256_base64(text)}'" for text in inlined]
    if chunk_scripts:
        sources += ["'self'", "file:"]
    return (
        _environment()
        .get_template(template)
        .render(
            **context,
            theme_script=Markup(inlined[0]),
            page_script=Markup(page_script) if scripts else None,
            style=Markup("\n".join(asset_text(name) for name in ("frame.css", *styles))),
            script_sources=Markup(" ".join(sources)),
        )
    )


def script_json(value: Any) -> Markup:
    r"""JSON that is safe inside a ``<script>`` element.

    ``<``, ``>`` and ``&`` are written as escapes, so that no text can close the element or open a comment.

    Parameters
    ----------
    value
        Whatever `json.dumps` takes; NaN and infinity are refused because JSON has no word for them.

    Returns
    -------
    Markup
        Text that `JSON.parse` reads back as the same value, control characters replaced as in templates.

    Examples
    --------
    >>> str(script_json({"name": "</script>"}))
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    # Every escape is taken whole, so that what follows an escaped backslash is left alone.
    text = printable(re.sub(r"\\(u00[01].|.)", lambda e: "\ufffd" if e[1][0] in "ubf" else e[0], text))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def png_uri(png: bytes) -> str:
    """Return PNG bytes as a ``data:`` address.

    Examples
    --------
    >>> png_uri(b"PNG")
    'data:image/png;base64,UE5H'
    """
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


@cache
def asset_text(name: str) -> str:
    """Text of one file under ``assets/``."""
    return (_HERE / "assets" / name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """Return what a template shows: text, which may come from a file, as `printable` has it."""
    return (
        printable(value, keep="\n\t") if isinstance(value, str) and not isinstance(value, Markup) else value
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"explained": explained, "breakable": breakable}
    return environment


def breakable(title: str) -> Markup:
    """Return a title that may go on in the next line after ``_``, ``-`` and ``.``, and not inside a word.

    Examples
    --------
    >>> str(breakable("long_run-3"))
    'long_<wbr>run-<wbr>3'
    """
    parts = re.split(r"(?<=[_.-])(?=\w)", printable(title))
    return Markup("<wbr>").join(parts)


def _one_scope(sources: Sequence[str]) -> str:
    return '(() => {\n"use strict";\n' + "\n".join(sources) + "\n})();\n"


def _sha256_base64(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
