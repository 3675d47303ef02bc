"""The graph of modules of `src/kikuchi`: layers, cycles, imports that run upward.

    python -m dev.graph [--root CHECKOUT]

An arrow is an import, inside functions too. A module stands on the layer above the highest of those it imports; modules
that import each other stand together. Upward is an import from a package to one that ``pyproject.toml`` lists above it.
"""

import argparse
import ast
import tomllib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def edges_of(source: Path) -> dict[str, set[str]]:
    """Return by module the modules of the same package that it imports.

    Parameters
    ----------
    source
        Folder of the package, as ``src/kikuchi``.
    """
    names = {path: _name(path, source) for path in source.rglob("*.py")}
    known = set(names.values())
    return {name: set(_imported(path, known, source.name)) - {name} for path, name in names.items()}


def _name(path: Path, source: Path) -> str:
    return ".".join(path.relative_to(source.parent).with_suffix("").parts).removesuffix(".__init__")


def _imported(path: Path, known: set[str], package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in known)


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other in a loop (Tarjan 1972).

    Examples
    --------
    >>> cycles({"a": {"b"}, "b": {"a"}, "c": {"a"}})
    [['a', 'b']]
    """
    return [group for group in _components(edges) if len(group) > 1]


def _components(edges: dict[str, set[str]]) -> list[list[str]]:
    number = count()
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = next(number)
        stack.append(module)
        for other in edges[module] & edges.keys():
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            at = stack.index(module)
            found.append(sorted(stack[at:]))
            del stack[at:]

    for module in edges:
        if module not in index:
            visit(module)
    return found


def layers(edges: dict[str, set[str]]) -> dict[str, int]:
    """Return the layer of every module, 1 at the bottom.

    Examples
    --------
    >>> layers({"a": {"b"}, "b": set(), "c": {"a", "b"}})
    {'b': 1, 'a': 2, 'c': 3}
    """
    layer: dict[str, int] = {}
    for group in _components(edges):  # Tarjan finds a group after all that it imports
        below = {o for m in group for o in edges[m] & edges.keys()} - set(group)
        layer |= dict.fromkeys(group, 1 + max((layer[o] for o in below), default=0))
    return layer


def upward(edges: dict[str, set[str]], order: list[str]) -> list[tuple[str, str]]:
    """Return the imports that run from a package to one above it.

    Parameters
    ----------
    edges
        See `edges_of`.
    order
        Packages from the top, siblings joined by ``|``.
    """
    rank = {name.strip(): i for i, line in enumerate(order) for name in line.split("|")}

    def of(module: str) -> int | None:
        parts = module.split(".")
        return rank.get(parts[1]) if len(parts) > 1 else None

    return sorted(
        (module, other)
        for module, others in edges.items()
        for other in others
        if (a := of(module)) is not None and (b := of(other)) is not None and b < a
    )


def main() -> None:
    """Print the figures of a checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout")
    edges = edges_of(parser.parse_args().root / "src" / "kikuchi")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    order = next(c["layers"] for c in settings["contracts"] if c["id"] == "rooms")
    loose = [m for m in edges if m.count(".") == 1 and not any(o.startswith(m + ".") for o in edges)]
    loops, up = cycles(edges), upward(edges, order)
    print(f"modules {len(edges)}, of them loose in the package {len(loose)}")
    print(f"imports {sum(map(len, edges.values()))}, layers {max(layers(edges).values())}")
    print(f"cycles {len(loops)}, imports that run upward {len(up)}")
    for loop in loops:
        print("  cycle:", ", ".join(loop))
    for module, other in up:
        print(f"  upward: {module} -> {other}")


if __name__ == "__main__":
    main()
