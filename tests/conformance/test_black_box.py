"""The kit knows of a target nothing but its address: what it imports, and that it can be installed alone."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

KIT = Path(__file__).parents[2] / "conformance"
MODULES = sorted(KIT.rglob("*.py"))
SHIPPED = [path for path in MODULES if path.parent.name in ("conformance", "platforms", "signers")]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_the_kit_never_imports_what_it_judges(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & {"countersign", "functions", "sandbox", "tests"}


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_what_is_installed_needs_cryptography_only(path: Path) -> None:
    found = {name.split(".")[0] for name in imported(path)}

    assert found <= {*sys.stdlib_module_names, "cryptography"}


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_what_is_installed_does_not_reach_for_what_is_not(path: Path) -> None:
    names = {node.module for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)}

    assert not [name for name in names if name and name.split(".")[0] == "receivers"]


def test_the_project_says_the_same() -> None:
    project = tomllib.loads((KIT / "pyproject.toml").read_text(encoding="utf-8"))

    assert [one.split(">")[0] for one in project["project"]["dependencies"]] == ["cryptography"]
    assert {name.partition(".")[2] for name in project["tool"]["setuptools"]["packages"]} == {
        "", *(path.name for path in KIT.iterdir() if (path / "__init__.py").exists() and path.name != "receivers")
    }  # fmt: skip
