"""What template.yaml says, with CloudFormation's functions resolved for the sandbox."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REGION, ACCOUNT, STACK = "us-east-1", "000000000000", "countersign-sandbox"
_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": STACK,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1",
    "AWS::URLSuffix": "amazonaws.com",
}
_ABSENT = object()

Attributes = dict[str, str]


class TemplateError(Exception):
    """The template uses something that the sandbox does not know."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with CloudFormation's short tags."""


def _short_tag(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        value = value.split(".", 1) if suffix == "GetAtt" else value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)


@cache
def _read(path: Path, _changed: int) -> dict[str, Any]:
    """Return the document, which nobody changes: tests make hundreds of stacks of one template."""
    with path.open(encoding="utf-8") as file:
        return dict(yaml.load(file, _Loader))  # noqa: S506 - a subclass of the safe loader


# What an operator's commands ask a stack for: the output, and which resource it names.
OPERATORS_OUTPUTS = (
    ("OrdersTableName", "AWS::DynamoDB::Table", "OrdersTable"),
    ("FailureQueueUrl", "AWS::SQS::Queue", "FailureQueue"),
)


class Template:
    """One template with its parameters; `attributes` tells what a resource became in the local cloud."""

    def __init__(self, path: Path, parameters: dict[str, str]) -> None:
        self.folder = path.parent
        document = _read(path, path.stat().st_mtime_ns)
        self._declared: dict[str, Any] = document.get("Resources", {})
        self._outputs: dict[str, Any] = document.get("Outputs", {})
        self._applications: dict[str, Template] | None = None
        self._conditions: dict[str, Any] = document.get("Conditions", {})
        self._mappings: dict[str, Any] = document.get("Mappings", {})
        self._globals: dict[str, Any] = document.get("Globals", {})
        self._parameters: dict[str, Any] = {}
        for name, declared in document.get("Parameters", {}).items():
            value = parameters.get(name, declared.get("Default", ""))
            is_list = declared["Type"] == "CommaDelimitedList"
            self._parameters[name] = [item.strip() for item in value.split(",")] if is_list else value
        self.attributes: Callable[[str], Attributes] = lambda name: {"Ref": name}

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Unresolved properties of every resource of a type whose condition holds, with Globals merged in."""
        shared = self._globals.get(kind.rsplit("::", 1)[-1], {}) if kind.startswith("AWS::Serverless::") else {}
        return {
            name: _merged(shared, resource.get("Properties", {}))
            for name, resource in self._declared.items()
            if resource["Type"] == kind and self._holds(resource.get("Condition"))
        }

    def applications(self) -> dict[str, Template]:
        """Read the nested applications whose condition holds, each from its own file."""
        if self._applications is None:
            self._applications = {}
            for name, properties in self.resources("AWS::Serverless::Application").items():
                given = self.resolve(properties.get("Parameters", {}))
                parameters = {
                    key: ",".join(value) if isinstance(value, list) else str(value) for key, value in given.items()
                }
                self._applications[name] = Template(self.folder / properties["Location"], parameters)
        return self._applications

    def output(self, name: str) -> Any:
        """Resolve one output."""
        return self.resolve(self._outputs[name]["Value"])

    def kind_of(self, name: str) -> str:
        """Name the type of a resource."""
        return str(self._declared[name]["Type"])

    def resolve(self, value: Any) -> Any:
        """Replace every function inside a value by what it gives."""
        resolved = self._resolve(value)
        return None if resolved is _ABSENT else resolved

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in ("Ref", "Condition") or str(name).startswith("Fn::"):
                return self._call(name, argument)
        pairs = {key: self._resolve(item) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item is not _ABSENT}

    def _call(self, name: str, argument: Any) -> Any:
        function = _FUNCTIONS.get(name)
        if function is None:
            raise TemplateError(f"the sandbox does not know {name}")
        return function(self, argument)

    def _get_attribute(self, argument: Any) -> str:
        resource, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
        return self._attribute(resource, attribute)

    def _if(self, argument: list[Any]) -> Any:
        return self._resolve(argument[1] if self._holds(argument[0]) else argument[2])

    def _find_in_map(self, argument: list[Any]) -> Any:
        table, first, second = self._resolve(argument)
        return self._mappings[table][first][second]

    def _equals(self, argument: list[Any]) -> bool:
        left, right = self._resolve(argument)
        return str(left) == str(right)

    def _holds(self, condition: str | None) -> bool:
        return condition is None or bool(self._resolve(self._conditions[condition]))

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _ABSENT
        if name in _PSEUDO:
            return _PSEUDO[name]
        return self._parameters[name] if name in self._parameters else self._attribute(name, "Ref")

    def _attribute(self, resource: str, attribute: str) -> str:
        if resource not in self._declared:
            raise TemplateError(f"the template declares no {resource}")
        if attribute.startswith("Outputs."):
            return str(self.applications()[resource].output(attribute.removeprefix("Outputs.")))
        return self.attributes(resource).get(attribute, f"{resource}.{attribute}")

    def _substituted(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})

        def replacement(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in given:
                return str(self._resolve(given[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._reference(name))

        return re.sub(r"\$\{([^}]+)\}", replacement, text)


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """SAM's rule for Globals: maps merge, lists join, anything else is replaced."""
    merged = dict(shared)
    for name, value in own.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict) and not _is_call(before) and not _is_call(value):
            merged[name] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            merged[name] = before + value
        else:
            merged[name] = value
    return merged


def _is_call(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::", "Condition"))


_FUNCTIONS: dict[str, Callable[[Template, Any], Any]] = {
    "Ref": Template._reference,
    "Condition": Template._holds,
    "Fn::GetAtt": Template._get_attribute,
    "Fn::Sub": Template._substituted,
    "Fn::If": Template._if,
    "Fn::Join": lambda self, argument: str(argument[0]).join(map(str, self._resolve(argument[1]))),
    "Fn::Select": lambda self, argument: self._resolve(argument[1])[int(argument[0])],
    "Fn::Split": lambda self, argument: str(self._resolve(argument[1])).split(argument[0]),
    "Fn::FindInMap": Template._find_in_map,
    "Fn::Equals": Template._equals,
    "Fn::And": lambda self, argument: all(self._resolve(argument)),
    "Fn::Or": lambda self, argument: any(self._resolve(argument)),
    "Fn::Not": lambda self, argument: not self._resolve(argument)[0],
}
