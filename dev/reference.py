"""Pages that the code itself says: keys of TOML files, commands, the API; written when the site is built."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

#: Packages of kikuchi whose `__all__` is meant for users, beside its top level.
PACKAGES = ("scans", "simulate", "maps", "matching")


def write_pages(folder: Path) -> None:
    """Write ``recipe.md``, ``simulate.md``, ``commands.md`` and the pages of the API.

    Parameters
    ----------
    folder
        Where; made where it is not there.
    """
    from kikuchi.members import Training
    from kikuchi.recipes.schema import Recipe
    from kikuchi.scans import Preparation
    from kikuchi.simulate.scenes.spec import Spec

    folder.mkdir(parents=True, exist_ok=True)
    recipe = keys_of("recipe", Recipe, {"prepare": Preparation, "train": Training})
    pages = {
        "recipe.md": RECIPE + recipe,
        "simulate.md": SIMULATE + keys_of("specification", Spec, {}),
        "commands.md": COMMANDS + commands(),
        "api_kikuchi.rst": api_of_kikuchi(),
        "api_ensemble.rst": api_of_ensemble(),
    }
    for name, text in pages.items():
        (folder / name).write_text(text.rstrip() + "\n", encoding="utf-8")


RECIPE = """# Every key of a recipe

A recipe says which ensemble to fit: `ensemble fit dataset.toml --recipe recipe.toml`. Keys that are left out have their
defaults; a key that is not here is refused by name. `paper` and `quick` are recipes that come with the package.

"""
SIMULATE = """# Every key of a simulation

`ensemble simulate spec.toml --out FOLDER` writes a labelled scan of every material; with a `[map]`, one scan of a
microstructure. Where the default is a distribution, a key takes a number, or a table that says what is drawn once per
pattern: `{ uniform = [low, high] }`, `{ normal = [mean, deviation] }`, `{ loguniform = [low, high] }` or
`{ choice = [a, b], weights = [3, 1] }`.

"""
COMMANDS = "# Commands\n\nExit codes: 0 done, 1 wrong input, 2 usage, 130 interrupted.\n\n"


def keys_of(title: str, model: type[BaseModel], described: dict[str, type]) -> str:
    """Return tables of all keys of a model and of the models in it, as Markdown.

    Parameters
    ----------
    title
        What the top level is called.
    model
        Of the whole file.
    described
        Tables whose keys another class describes, or holds.
    """
    parts: list[str] = []
    queue: list[tuple[str, type, type]] = [(title, model, model)]
    done: set[str] = set()
    while queue:
        name, table, describer = queue.pop(0)
        if name in done or not issubclass(table, BaseModel):
            continue
        done.add(name)
        explained = {k: v for one in (*table.__mro__[::-1], describer) for k, v in parameters(one).items()}
        rows = []
        for key, entry in table.model_fields.items():
            path = key if name == title else f"{name}.{key}"
            inner = next((m for m in _models(entry.annotation)), None)
            other = described.get(key)
            if inner is None and other is not None and issubclass(other, BaseModel):
                inner = other
            if inner is not None and inner.__name__ != "Distribution":
                queue.append((path, inner, other or inner))
                kind = f"table{'s' if 'tuple' in str(entry.annotation) else ''}, see below"
            else:
                kind = _kind(entry)
            rows.append(f"| `{key}` | {kind} | {_default(entry)} | {_cell(explained.get(key, ''))} |")
        head = f"## The {name} itself" if name == title else f"## `[{name}]`"
        text = _summary(table)
        parts.append(
            "\n".join(
                [
                    head,
                    "",
                    text,
                    "",
                    "| key | takes | default | means |",
                    "| --- | --- | --- | --- |",
                    *rows,
                    "",
                ]
            )
        )
    return "\n".join(parts)


def parameters(described: type) -> dict[str, str]:
    """Return by name what a class' numpydoc docstring says of its parameters or attributes.

    Examples
    --------
    >>> class Camera:
    ...     '''A camera.
    ...
    ...     Parameters
    ...     ----------
    ...     width, height
    ...         Pixels.
    ...     '''
    >>> parameters(Camera)
    {'width': 'Pixels.', 'height': 'Pixels.'}
    """
    from numpydoc.docscrape import NumpyDocString

    parsed = NumpyDocString(inspect.cleandoc(described.__doc__ or ""))
    found = {}
    for part in (*parsed["Parameters"], *parsed["Attributes"]):
        # Without a type numpydoc takes the names for the type of a nameless parameter.
        for name in (part.name or part.type).split(","):
            found[name.strip()] = " ".join(" ".join(part.desc).split())
    return found


def commands() -> str:
    """Return every command with its arguments and options, as Markdown."""
    import typer.main
    from ensemble_cli.main import app

    group: Any = typer.main.get_command(app)
    parts = []
    for name, command in group.commands.items():
        usage = " ".join(p.name.upper() for p in command.params if p.param_type_name == "argument")
        parts += [
            f"## `ensemble {name}`",
            "",
            f"    ensemble {name} {usage} [OPTIONS]".rstrip(),
            "",
            command.help or "",
            "",
            *(["    " + command.epilog.removeprefix("Example: "), ""] if command.epilog else []),
        ]
        parts += ["| option | default | means |", "| --- | --- | --- |"]
        for option in command.params:
            if option.name == "help":
                continue
            shown = option.name.upper() if option.param_type_name == "argument" else ", ".join(option.opts)
            default = "" if option.default in (None, False) else f"`{option.default}`"
            parts.append(f"| `{shown}` | {default} | {_cell(getattr(option, 'help', '') or '')} |")
        parts.append("")
    return "\n".join(parts)


def api_of_kikuchi() -> str:
    """Return the page of the package `kikuchi`, as reStructuredText."""
    import kikuchi

    parts = ["kikuchi: patterns in, maps out", "==============================", ""]
    top = {name: public(name) for name in sorted(kikuchi.__all__) if not name.startswith("_")}
    for name, item in top.items():
        # A verb that a package is called like is documented where it is defined.
        parts += _documented("kikuchi" if item is getattr(kikuchi, name) else item.__module__, name, item)
    for package in PACKAGES:
        parts += _module(importlib.import_module(f"kikuchi.{package}"), list(top.values()))
    return "\n".join(parts)


def public(name: str) -> Any:
    """Return what a public name of `kikuchi` is; the verb where a package has the same name."""
    import kikuchi

    item = getattr(kikuchi, name)
    return (
        getattr(importlib.import_module(f"kikuchi.workflows.{name}"), name)
        if inspect.ismodule(item)
        else item
    )


def api_of_ensemble() -> str:
    """Return the page of the package `ensemble`, as reStructuredText."""
    import ensemble

    parts = ["ensemble: the statistics alone", "==============================", ""]
    for found in pkgutil.iter_modules(ensemble.__path__, "ensemble."):
        if found.name not in ("ensemble.validation",):
            parts += _module(importlib.import_module(found.name))
    return "\n".join(parts)


def _module(module: Any, elsewhere: Sequence[Any] = ()) -> list[str]:
    own = getattr(module, "__all__", None)
    if own is None:
        own = [n for n, item in vars(module).items() if getattr(item, "__module__", "") == module.__name__]
    title = module.__name__
    lines = [title, "-" * len(title), "", (module.__doc__ or "").strip().splitlines()[0], ""]
    for name in own:
        item = getattr(module, name)
        if item in elsewhere:  # what stands on top of the page already
            continue
        if not name.startswith("_") and (inspect.isclass(item) or inspect.isfunction(item)):
            lines += _documented(title, name, item)
    return lines


def _documented(module: str, name: str, item: Any) -> list[str]:
    if inspect.isclass(item):
        members = "" if issubclass(item, (BaseModel, tuple)) else "\n   :members:"
        return [f".. autoclass:: {module}.{name}{members}", ""]
    if inspect.isfunction(item):
        return [f".. autofunction:: {module}.{name}", ""]
    return []


def _models(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _kind(entry: Any) -> str:
    text = str(entry.annotation) if get_args(entry.annotation) else getattr(entry.annotation, "__name__", "")
    choices = re.search(r"Literal\[([^\]]*)\]", text)
    if choices:
        kind = " or ".join(f"`{choice.strip()}`" for choice in choices[1].replace("'", '"').split(","))
    else:
        plain = {"float": "number", "int": "whole number", "str": "text", "bool": "true or false", "Path": "file",
                 "Distribution": "number or distribution"}  # fmt: skip
        words = [word for word in re.findall(r"\w+", text) if word in plain]
        kind = plain[words[0]] if words else "table"
        if text.startswith("tuple") or "tuple[" in text:
            kind = f"list of {kind}s"
    limits = [
        re.sub(r"\w+\((\w+)=(.*)\)", _limit, str(m))
        for m in entry.metadata
        if re.fullmatch(r"(Gt|Ge|Lt|Le)\(.*\)", str(m))
    ]
    return ", ".join([kind, *limits])


def _limit(found: re.Match[str]) -> str:
    return {"gt": "above ", "ge": "at least ", "lt": "below ", "le": "at most "}[found[1]] + found[2]


def _default(entry: Any) -> str:
    value = entry.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        value = value.model_dump() if type(value).__name__ == "Distribution" else None
    if value in (None, (), {}):
        return ""
    if isinstance(value, dict):
        ((kind, numbers),) = list(value.items())[:1]
        shown = ", ".join(f"{n:g}" for n in numbers)
        return shown if kind == "constant" else f"{kind} {shown}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"


def _summary(table: type) -> str:
    text = inspect.cleandoc(table.__doc__ or "")
    return re.split(r"\n(?:Parameters|Attributes|Examples)\n-{4,}", text)[0].replace("``", "`").strip()


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")
