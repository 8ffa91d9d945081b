"""What no line of the product may do: skip a check, compare a digest carelessly, count money in floats."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.reading import PACKAGE, ROOT, roots, shipped, tree

SECRET_WORDS = re.compile(r"(^|_)(digest|hexdigest|signature|sign|mac|hmac|signed)$", re.IGNORECASE)
SIGNING = {
    name: path
    for name, path in shipped().items()
    if name.startswith("countersign.signing") or name.endswith(".signing")
}
CHECKING = {name: path for name, path in shipped().items() if name in SIGNING or ".platforms." in name}
EVERYTHING = {
    **shipped(),
    **{str(path.relative_to(ROOT)): path for path in sorted((ROOT / "sandbox").rglob("*.py"))},
}


def word(node: ast.expr) -> str:
    """Return the name that an expression goes by."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case ast.Call(func=function):
            return word(function)
        case ast.Await(value=value) | ast.NamedExpr(value=value):
            return word(value)
    return ""


def careless_comparisons(module: ast.Module) -> Iterator[str]:
    """Yield comparisons of digests that leak by their time how much was right (property A5)."""
    for node in ast.walk(module):
        if (
            isinstance(node, ast.Compare)
            and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
            and any(SECRET_WORDS.search(word(side)) for side in (node.left, *node.comparators))
        ):
            yield ast.unparse(node)


@pytest.mark.parametrize("name", sorted(SIGNING))
def test_digests_are_not_compared_with_equals(name: str) -> None:
    assert not list(careless_comparisons(tree(SIGNING[name])))


@pytest.mark.parametrize(
    "line", ["digest == given", "a.signature != b", "h.hexdigest() == x", "fields['sign'] == y", "f.get('sign') != z"]
)
def test_the_rule_sees_a_careless_comparison(line: str) -> None:
    assert list(careless_comparisons(ast.parse(line)))


def test_digests_are_compared_in_constant_time_somewhere() -> None:
    called = {
        word(node.func) for path in SIGNING.values() for node in ast.walk(tree(path)) if isinstance(node, ast.Call)
    }

    assert "compare_digest" in called


@pytest.mark.parametrize("name", sorted(CHECKING))
def test_no_environment_variable_can_switch_a_check_off(name: str) -> None:
    names = {word(node) for node in ast.walk(tree(CHECKING[name])) if isinstance(node, ast.expr)}

    assert "os" not in roots(CHECKING[name])
    assert not names & {"environ", "getenv", "environb"}


@pytest.mark.parametrize("name", sorted(CHECKING))
def test_no_check_depends_on_where_a_request_seems_to_come_from(name: str) -> None:
    texts = {
        node.value.lower()
        for node in ast.walk(tree(CHECKING[name]))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert not texts & {"localhost", "127.0.0.1", "x-forwarded-for", "aws_sam_local", "debug", "sourceip"}


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_tls_is_always_verified(name: str) -> None:
    unverified = {
        ast.unparse(node)
        for node in ast.walk(tree(EVERYTHING[name]))
        if (isinstance(node, ast.keyword) and node.arg == "verify" and _is_false(node.value))
        or (isinstance(node, ast.Assign) and any(word(t) == "verify" for t in node.targets) and _is_false(node.value))
        or (isinstance(node, ast.expr) and word(node) in ("_create_unverified_context", "CERT_NONE"))
    }

    assert not unverified


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize(
    "path",
    [
        PACKAGE / "money.py",
        *sorted((PACKAGE / "orders").rglob("*.py")),
        *sorted((PACKAGE / "platforms").glob("*/translate.py")),
        *sorted((PACKAGE / "platforms").glob("*/messages.py")),
    ],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_float_comes_near_money(path: Path) -> None:
    floats = {
        ast.unparse(node)
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Name) and node.id in ("float", "round"))
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
    }

    assert not floats


@pytest.mark.parametrize("name", sorted(shipped()))
def test_no_code_asks_which_platform_it_is(name: str) -> None:
    questions = {
        ast.unparse(node)
        for node in ast.walk(tree(shipped()[name]))
        if isinstance(node, ast.Compare)
        and "platform" in (word(node.left), *map(word, node.comparators))
        and any(isinstance(side, ast.Constant) and side.value for side in (node.left, *node.comparators))
    }

    assert not questions
