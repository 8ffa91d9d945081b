"""Print which tests hold which property of the threat list: `python tools/properties.py`.

A test holds a property by its name (`test_A15_...`, `test_A1_A5_...`) or its docstring; a class or a file as a whole
by its docstring. Nothing is run and nothing is imported: the tests are read as syntax trees.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).resolve().parents[1]
COUNTS = {"A": 20, "B": 16, "C": 15, "D": 16, "E": 16, "F": 7, "G": 7, "H": 7}
IDS = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]

# Why no test holds it. A line goes as soon as a test comes: both at once are an error.
NOT_YET = {
    "H5": "no platform here sends card numbers; evidence is kept byte for byte, and can be erased",
}

_NAMED = re.compile(r"test_((?:[A-H][0-9]{1,2}_)+)")
_ID = re.compile(r"\b[A-H][0-9]{1,2}\b")


def named(node: ast.AST, found: str = "") -> set[str]:
    """Return the properties that a test's name or a docstring names."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        match = _NAMED.match(node.name)
        found += f" {match[1].replace('_', ' ')}" if match else ""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        found += f" {ast.get_docstring(node) or ''}"
    return set(_ID.findall(found))


def claims(module: ast.Module, file: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the file, each class of tests and each test, with the properties that it names itself."""
    yield file, named(module)
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield f"{file}::{node.name}", named(node)
            yield from ((f"{file}::{node.name}::{test.name}", named(test)) for test in node.body if _is_test(test))
        elif _is_test(node):
            yield f"{file}::{node.name}", named(node)


def _is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


def covered(folder: Path) -> dict[str, list[str]]:
    """Return property -> what holds it: `file::test`, or a class or a file as a whole."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for place, held in claims(module, str(path.relative_to(folder.parent))):
            for name in held:
                found.setdefault(name, []).append(place)
    return found


def problems(held: Mapping[str, list[str]], not_yet: Mapping[str, str]) -> list[str]:
    """Say where the tests and the table of what cannot be held yet do not agree with the list."""
    return [
        *(f"{name}: no test holds it and no reason is given" for name in IDS if name not in {*held, *not_yet}),
        *(f"{name}: a test holds it, so its reason must go" for name in IDS if name in held and name in not_yet),
        *(f"{name}: there is no such property" for name in sorted({*held, *not_yet} - set(IDS))),
    ]


def table(held: Mapping[str, list[str]], not_yet: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the table."""
    for name in IDS:
        lines = held.get(name) or [f"not yet: {not_yet[name]}" if name in not_yet else "NOTHING"]
        yield f"{name:4} {lines[0]}"
        yield from (f"{'':4} {line}" for line in lines[1:])
    yield f"{sum(name in held for name in IDS)} of {len(IDS)} properties are held by tests"


def main() -> int:
    """Print the table; the status says whether it is whole."""
    held = covered(ROOT / "tests")
    print("\n".join(table(held, NOT_YET)))
    wrong = problems(held, NOT_YET)
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
