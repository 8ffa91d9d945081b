"""A function's file composes; what is decided stands in a room, where it is tried without a Lambda around it."""

import pytest

from tests.infra.reading import ROOT, functions, snake

MOST_LINES = 40
# Routers of the merchant API: a line or two for each of their routes, whose docstrings are the API's document.
ROUTERS = {"accounts_api", "decisions_api", "orders_api"}
THIN = sorted({snake(name) for name in functions()} - ROUTERS)


def lines(function: str) -> int:
    return len((ROOT / "functions" / function / "app.py").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("function", THIN)
def test_a_function_composes_what_stands_elsewhere(function: str) -> None:
    assert lines(function) <= MOST_LINES


def test_only_routers_are_longer() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}

    assert folders == {*THIN} | ROUTERS
    for router in ROUTERS:
        assert "MerchantApi()" in (ROOT / "functions" / router / "app.py").read_text(encoding="utf-8")
