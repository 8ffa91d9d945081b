"""The arrows between parts point one way, and what must stay pure is pure."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.infra.reading import (
    PACKAGE,
    ROOT,
    callbacks,
    creating,
    imports,
    platforms,
    room,
    roots,
    shipped,
    snake,
    tree,
)

# functions -> runtime, store, platforms, cashiers -> orders, signing -> errors, http, money
FOUNDATION = {"customers", "documents", "errors", "fields", "http", "money", "texts", "values", "wire"}
RULES = {"orders", "signing"}
IMPURE_IN_PLATFORMS = {
    "apps", "asking", "client", "connector", "create_cart", "create_payment", "deliveries", "fulfilment",
    "installation", "panel", "payment_link", "resolver", "settings", "shopper", "upkeep", "visits",
}  # fmt: skip
CRYPTOGRAPHY = {"hmac", "hashlib", "cryptography", "secrets", "Crypto", "nacl", "ssl"}
IMPURE = {
    "asyncio", "aws_lambda_powertools", "boto3", "botocore", "http", "logging", "os", "pathlib", "random", "requests",
    "socket", "subprocess", "sys", "tempfile", "threading", "time", "urllib3", "uuid",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today"}
PORTS = {"countersign.platforms.payment", "countersign.platforms.port"}  # what is asked of any platform


def is_pure(module: str) -> bool:
    """Tell whether a module may know neither clock, chance, network nor environment."""
    match module.split("."):
        case ["countersign", part, *_] if part in FOUNDATION | RULES:
            return True
        case ["countersign", "platforms", _, part, *_]:
            return part not in IMPURE_IN_PLATFORMS
        case ["countersign", "cashiers", _, part, *_]:
            return part not in IMPURE_IN_PLATFORMS
        case ["countersign", "cashiers", "addresses" | "doors" | "notices"]:
            return True
    return False


def level(module: str) -> int:
    """Return how far from the ground a module stands."""
    match module.split("."):
        case ["functions", *_]:
            return 3
        case ["countersign_console", *_]:
            return 3
        case ["countersign", part, *_] if part in FOUNDATION:
            return 0
        case ["countersign", part, *_] if part in RULES:
            return 1
        case ["countersign", _, *_]:
            return 2
    return 0


@cache
def own_imports(module: str) -> set[str]:
    """Return the modules of ours that a module imports."""
    return {name for name in imports(shipped()[module]) if name in shipped() and name != module}


def part_of(module: str) -> str:
    """Return the part that a module belongs to: a top-level name of countersign, or one platform."""
    pieces = module.split(".")
    return ".".join(pieces[: 3 if pieces[:2] == ["countersign", "platforms"] else 2])


MODULES = sorted(shipped())
PURE = [module for module in MODULES if is_pure(module)]


def test_the_parts_are_there() -> None:
    parts = {part_of(module) for module in MODULES}

    assert {f"countersign.{part}" for part in FOUNDATION | RULES | {"store", "runtime"}} <= parts
    assert {room(name) for name in platforms()} <= parts
    assert {f"functions.{snake(name)}" for name in callbacks()} <= parts


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_down(module: str) -> None:
    upwards = {imported for imported in own_imports(module) if level(imported) > level(module)}

    assert not upwards


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("countersign_console")])
def test_the_console_knows_the_api_and_nothing_behind_it(module: str) -> None:
    """Pages reach no store, no orders, no platform and no document, however far their imports are followed."""
    reached, waiting = set(), [module]
    while waiting:
        for name in own_imports(waiting.pop()) - reached:
            reached.add(name)
            waiting.append(name)
    parts = {".".join(name.split(".")[:2]) for name in reached if name.split(".")[0] == "countersign"}

    known = ("errors", "http", "money", "values", "signing", "aws", "runtime")
    assert parts <= {f"countersign.{part}" for part in known} | {"countersign"}
    assert {name for name in reached if name.startswith("countersign.runtime.")} <= {"countersign.runtime.telemetry"}


def test_only_the_consoles_function_imports_pages() -> None:
    for module in MODULES:
        if not module.startswith("countersign_console"):
            pages = {name for name in own_imports(module) if name.startswith("countersign_console")}
            assert not pages or module == "functions.console.app"


def test_parts_do_not_import_each_other_in_circles() -> None:
    arrows: dict[str, set[str]] = {}
    for module in MODULES:
        # The package itself holds the version only; everybody may ask for it.
        targets = {part_of(name) for name in own_imports(module)} - {part_of(module), "countersign"}
        arrows.setdefault(part_of(module), set()).update(targets)

    assert list(TopologicalSorter(arrows).static_order())


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("countersign.platforms.")])
def test_a_platform_imports_no_other(module: str) -> None:
    others = {
        name
        for name in own_imports(module)
        if name.startswith("countersign.platforms.") and part_of(name) not in {part_of(module), *PORTS}
    }

    assert not others


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("functions.")])
def test_a_function_imports_no_other_function(module: str) -> None:
    assert not {name for name in imports(shipped()[module]) if name.split(".")[0] in ("functions", "app")}


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_knows_no_clock_chance_or_world(module: str) -> None:
    path = shipped()[module]

    clocks = {
        ast.unparse(node)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    }

    assert not roots(path) & IMPURE
    assert not clocks


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_stands_on_pure_modules(module: str) -> None:
    reached, waiting = set(), [module]
    while waiting:
        for name in own_imports(waiting.pop()) - reached:
            reached.add(name)
            waiting.append(name)

    # A platform's settings are types of credentials: data, not an action.
    assert not {
        name
        for name in reached
        if not is_pure(name) and not name.endswith(".settings") and name not in packages_on_the_way()
    }


@cache
def packages_on_the_way() -> set[str]:
    """Return packages that only hold modules, such as countersign.platforms."""
    return {name for name, path in shipped().items() if path.name == "__init__.py" and not own_imports(name)}


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("countersign.signing")])
def test_cryptography_is_imported_under_signing_only(module: str) -> None:
    # TLS is the transport's, as it is inside requests and urllib3; it signs and verifies no message.
    allowed = {"ssl"} if module == "countersign.aws.transport" else set()
    assert not roots(shipped()[module]) & CRYPTOGRAPHY - allowed


@pytest.mark.parametrize("module", MODULES)
def test_what_ships_knows_no_test_and_no_sandbox(module: str) -> None:
    assert not roots(shipped()[module]) & {"tests", "sandbox", "bench", "pytest", "moto", "hypothesis"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "sandbox" / "simulators").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_simulator_is_the_other_side_of_the_wire(path: Path) -> None:
    assert not roots(path) & {"countersign", "functions"}


@pytest.mark.parametrize("function", [*map(snake, [*callbacks(), *creating()]), "publish"])
def test_the_way_of_a_payment_knows_nothing_of_notices(function: str) -> None:
    reached, waiting = set(), [f"functions.{function}.app"]
    while waiting:
        for name in own_imports(waiting.pop()) - reached:
            reached.add(name)
            waiting.append(name)

    apart = (
        "countersign.notices",
        "countersign.printers",
        "countersign.workers.notify",
        "countersign.runtime.webhook_http",
    )
    assert "countersign.store.record" in reached or function == "publish"
    assert not [name for name in reached if name.startswith(apart)]


def test_the_rules_would_notice() -> None:
    """The ladder of parts is what the design draws."""
    ladder = ["countersign.money", "countersign.orders.decide", "countersign.store.record", "functions.publish.app"]

    assert [level(module) for module in ladder] == [0, 1, 2, 3]
    assert all(level(low) < level(high) for low, high in pairwise(ladder))
    assert is_pure("countersign.platforms.wechat.signing")
    assert not is_pure("countersign.platforms.wechat.client")
    assert (PACKAGE / "money.py").is_file()
