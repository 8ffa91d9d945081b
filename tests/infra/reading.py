"""How the infra tests read the project: the template as plain data, the sources as syntax trees."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers" / "common"
PACKAGE = LAYER / "countersign"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags."""


def _short_tag(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)


@cache
def template() -> dict[str, Any]:
    """Return template.yaml with !Ref x as {"Ref": x} and !GetAtt a.b as {"Fn::GetAtt": "a.b"}."""
    loaded: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), _Loader)  # noqa: S506
    return loaded


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def functions() -> dict[str, dict[str, Any]]:
    """Return the properties of every function of the product, with Globals merged in."""
    shared = template()["Globals"]["Function"]
    return {name: {**shared, **own} for name, own in resources("AWS::Serverless::Function").items()}


def own_environment(function: dict[str, Any]) -> dict[str, Any]:
    """Return all variables a function gets, its own and the global ones."""
    shared = template()["Globals"]["Function"]["Environment"]["Variables"]
    return {**shared, **function.get("Environment", {}).get("Variables", {})}


def events(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (function, properties) of every event source of a type."""
    for name, function in functions().items():
        for event in function.get("Events", {}).values():
            if event["Type"] == kind:
                yield name, event["Properties"]


def routes() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return route key -> (function, event properties)."""
    return {f"{event['Method']} {event['Path']}": (name, event) for name, event in events("HttpApi")}


def is_open(event: dict[str, Any]) -> bool:
    """Tell whether a route goes without the gateway's authorizer."""
    return event.get("Auth", {}).get("Authorizer") == "NONE"


def statements(function: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a function's inline policies."""
    return [statement for policy in function.get("Policies", []) for statement in policy["Statement"]]


def as_list(value: Any) -> list[Any]:
    """Return a list of what CloudFormation lets stand alone."""
    return value if isinstance(value, list) else [value]


def snake(name: str) -> str:
    """Return a logical id as its folder's name."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def shipped() -> dict[str, Path]:
    """Return every module of ours that ships: dotted name -> file."""
    found = {}
    for base, folder in ((LAYER, PACKAGE), (ROOT, ROOT / "functions")):
        for path in sorted(folder.rglob("*.py")):
            name = ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path
    return found


def imports(path: Path) -> set[str]:
    """Return the dotted names that a file imports, anywhere in it; `from a import b` gives a and a.b."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def roots(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    return {name.partition(".")[0] for name in imports(path)}
