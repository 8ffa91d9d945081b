"""Event patterns, as Lambda's event filtering reads them."""

from __future__ import annotations

from typing import Any

_ABSENT = object()


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Say whether an event fits a pattern: every key, with any one of the values that it lists."""
    for key, wanted in pattern.items():
        value = event.get(key, _ABSENT) if isinstance(event, dict) else _ABSENT
        if isinstance(wanted, dict):
            # `exists: false` may lie below something that is absent itself.
            if not matches(wanted, {} if value is _ABSENT else value):
                return False
        elif not any(_fits(rule, value) for rule in wanted):
            return False
    return True


def _fits(rule: Any, value: Any) -> bool:
    # Only leaves exist for `exists`: a map, such as a typed DynamoDB attribute, does not.
    leaf = value is not _ABSENT and not isinstance(value, dict)
    if isinstance(rule, dict) and "exists" in rule:
        return bool(rule["exists"]) == leaf
    if not leaf:
        return False
    return any(_fits_one(rule, item) for item in (value if isinstance(value, list) else [value]))


def _fits_one(rule: Any, value: Any) -> bool:
    if not isinstance(rule, dict):
        return type(rule) is type(value) and bool(rule == value)
    ((kind, wanted),) = rule.items()
    match kind:
        case "prefix":
            return isinstance(value, str) and value.startswith(wanted)
        case "suffix":
            return isinstance(value, str) and value.endswith(wanted)
        case "equals-ignore-case":
            return isinstance(value, str) and value.lower() == wanted.lower()
        case "anything-but":
            return value not in (wanted if isinstance(wanted, list) else [wanted])
        case "numeric":
            return _in_range(wanted, value)
    raise ValueError(f"the sandbox does not know the pattern {kind}")


def _in_range(wanted: list[Any], value: Any) -> bool:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    tests = {"=": number.__eq__, "<": number.__lt__, "<=": number.__le__, ">": number.__gt__, ">=": number.__ge__}
    return all(tests[wanted[i]](float(wanted[i + 1])) for i in range(0, len(wanted), 2))
