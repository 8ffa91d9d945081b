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
CONSOLE_LAYER = ROOT / "layers" / "console"
CONSOLE = CONSOLE_LAYER / "countersign_console"
CASHIER = "cashier"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, in which no key stands twice: CloudFormation refuses what YAML takes."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {sorted(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)


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
    return _read("template.yaml")


@cache
def nested() -> dict[str, dict[str, Any]]:
    """Return every nested application's file, by the name of its resource."""
    return {
        name: _read(properties["Location"])
        for name, properties in resources("AWS::Serverless::Application", nested_too=False).items()
    }


@cache
def _read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((ROOT / name).read_text(encoding="utf-8"), _Loader)  # noqa: S506
    return loaded


def resources(kind: str, *, nested_too: bool = True) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type, in template.yaml and in the applications nested in it.

    What an application was given is said as it is named where that was given.
    """
    found = {name: one.get("Properties", {}) for name, one in template()["Resources"].items() if one["Type"] == kind}
    for application, document in nested().items() if nested_too else ():
        given = template()["Resources"][application]["Properties"].get("Parameters", {})
        for name, one in document["Resources"].items():
            if one["Type"] == kind:
                found[name] = _as_given(one.get("Properties", {}), given)
    return found


def _as_given(value: Any, given: dict[str, Any]) -> Any:
    """Return a value of an application with its parameters replaced by what they are given of resources of the root."""
    match value:
        case {"Ref": str(name)} if name in given:
            return given[name] if isinstance(given[name], dict) else value
        case {"Fn::Sub": str(text)}:
            for name, one in given.items():
                match usual(one):
                    case {"Fn::GetAtt": str(attribute)}:
                        text = text.replace(f"${{{name}}}", f"${{{attribute}}}")
            return {"Fn::Sub": text}
        case dict():
            return {key: _as_given(item, given) for key, item in value.items()}
        case list():
            return [_as_given(item, given) for item in value]
    return value


def usual(value: Any) -> Any:
    """Return a value with the first of the two alternatives of every Fn::If."""
    match value:
        case {"Fn::If": [_, first, _]}:
            return usual(first)
        case dict():
            return {key: usual(item) for key, item in value.items()}
        case list():
            return [usual(item) for item in value]
    return value


def functions() -> dict[str, dict[str, Any]]:
    """Return the properties of every function of the product, with Globals and what is attached to its role."""
    shared = template()["Globals"]["Function"]
    found = {name: {**shared, **own} for name, own in resources("AWS::Serverless::Function").items()}
    return {
        name: {**own, "Policies": [*own["Policies"], *attached(f"{name}Role")]} if "Policies" in own else own
        for name, own in found.items()
    }


def attached(role: str) -> list[dict[str, Any]]:
    """Return the policies that parts of the template attach to a role that is not theirs."""
    policies = resources("AWS::IAM::Policy").values()
    return [one["PolicyDocument"] for one in policies if one["Roles"] == [{"Ref": role}]]


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


def statements(function: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a function's inline policies."""
    return [usual(statement) for policy in function.get("Policies", []) for statement in policy["Statement"]]


def as_list(value: Any) -> list[Any]:
    """Return a list of what CloudFormation lets stand alone."""
    return value if isinstance(value, list) else [value]


def callbacks() -> list[str]:
    """Return the functions that platforms call: HTTP entry points that record what a platform said."""
    found = []
    for name in sorted(functions()):
        modules = imports(ROOT / "functions" / snake(name) / "app.py")
        records = any(one == "countersign.runtime.callbacks" or one.endswith(".deliveries") for one in modules)
        if records and "countersign.runtime.entrypoint" in modules:
            found.append(name)
    return found


def creating() -> list[str]:
    """Return the functions that create payments for those who call: what a schedule wakes has no door."""
    return [
        name
        for name in sorted(functions())
        if {"countersign.api.payments", "countersign.runtime.entrypoint"}
        <= set(imports(ROOT / "functions" / snake(name) / "app.py"))
    ]


def platforms() -> list[str]:
    """Return the platforms that there are: those under platforms/ with functions, and all hosted cashiers as one."""
    rooms = [path.name for path in (PACKAGE / "platforms").iterdir() if (path / "settings.py").is_file()]
    return sorted([name for name in rooms if any((ROOT / "functions").glob(f"{name}_*/app.py"))] + [CASHIER])


def room(platform: str) -> str:
    """Return the package that a platform has to itself; hosted cashiers share one."""
    return "countersign.cashiers" if platform == CASHIER else f"countersign.platforms.{platform}"


def mount(platform: str) -> str:
    """Return where a platform's routes begin: a cashier's are below its own name."""
    return "/cashier/{name}/{account}/" if platform == CASHIER else f"/{platform}/{{account}}/"


def platform_of(function: str) -> str | None:
    """Return whose a function is; None if it works for all platforms."""
    first = snake(function).split("_")[0]
    return first if first in platforms() else None


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
    for base, folder in ((LAYER, PACKAGE), (CONSOLE_LAYER, CONSOLE), (ROOT, ROOT / "functions")):
        for path in sorted(folder.rglob("*.py")):
            name = ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path
    return found


@cache
def imports(path: Path) -> frozenset[str]:
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
    return frozenset(found)


def roots(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    return {name.partition(".")[0] for name in imports(path)}
