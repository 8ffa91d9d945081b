"""Genuine events, mutated anywhere, at every door that a stranger or a token's holder reaches.

Whatever arrives: no exception leaves a function, no answer is of the 5xx but 503 where an account's document is bad,
and what is refused writes nothing. The seed is printed with a failure: `FUZZ_SEED=n` plays it again.
"""

import base64
import copy
import json
import os
import random
import secrets
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from countersign.runtime import platform_http
from tests.cases import kit
from tests.functions.conftest import WechatAdapter
from tests.infra.reading import ROOT, callbacks, creating, platforms, snake

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "SendMessage", "PutEvents"}
DOORS = (*map(snake, [*callbacks(), *creating()]), "orders_api", "decisions_api", "accounts_api")
BAD = "broken-by-hand"  # an account whose document cannot be used: the only one that may be answered 503
NASTY: list[Any] = [
    *(
        "",
        " ",
        "\x00",
        "\u0001",
        "\ud800",
        "\u202e",
        "null",
        "0",
        "-1",
        "1e999",
        "9" * 5000,
        "[" * 200,
        "{",
        '"',
        "&#0;",
    ),
    *(
        "<xml>",
        "</xml>",
        "<!DOCTYPE x>",
        "]]>",
        "%2F",
        "%00",
        "~",
        "#",
        "../..",
        "wechat",
        "x" * 3000,
        "é",
        "１",
        "=",
        "&a=b",
    ),
    *(None, True, 0, -1, 2**63, 10**40, 1.5, [], {}, [[]], {"a": {"a": 1}}),
]


def genuine() -> list[tuple[str, int, Event]]:
    """Return the committed events of the doors: function, when each is genuine, event."""
    found = []
    for platform in platforms():
        folder = ROOT / "events" / platform
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        for name, entry in sorted(index.items()):
            function = name.split(".")[0]
            if function in DOORS:
                found.append((function, entry["now"], json.loads((folder / name).read_text(encoding="utf-8"))))
    return found


def mutated(event: Event, chance: random.Random) -> Event:
    """Return the event with one to three things changed."""
    event = copy.deepcopy(event)
    for _ in range(chance.randint(1, 3)):
        chance.choice((_header, _query, _path, _body, _body, _body, _leaf, _leaf, _account, _method))(event, chance)
    return event


def _text(event: Event) -> str:
    body = event.get("body") or ""
    return base64.b64decode(body).decode("utf-8", "surrogateescape") if event.get("isBase64Encoded") else body


def _put(event: Event, text: str, chance: random.Random) -> None:
    event["isBase64Encoded"] = chance.random() < 0.3
    raw = text.encode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace")
    event["body"] = base64.b64encode(raw).decode() if event["isBase64Encoded"] else text


def _string(chance: random.Random) -> str:
    value = chance.choice(NASTY)
    return value if isinstance(value, str) else json.dumps(value)


def _header(event: Event, chance: random.Random) -> None:
    headers = event.setdefault("headers", {})
    names = [*sorted(headers), "content-encoding", "idempotency-key", "byte-signature", "wechatpay-signature"]
    headers[chance.choice(names)] = _string(chance)


def _query(event: Event, chance: random.Random) -> None:
    query = event.get("queryStringParameters") or {}
    name = chance.choice([*sorted(query), "signature", "nonce", "status", "cursor", "day", "limit"])
    event["queryStringParameters"] = {**query, name: _string(chance)}


def _path(event: Event, chance: random.Random) -> None:
    parameters = event.get("pathParameters") or {}
    if parameters:
        event["pathParameters"] = {**parameters, chance.choice(sorted(parameters)): _string(chance)}


def _account(event: Event, chance: random.Random) -> None:
    parameters = event.get("pathParameters") or {}
    if "account" in parameters:
        event["pathParameters"] = {**parameters, "account": chance.choice([BAD, "nobody", "shop", "classic", "app"])}


def _method(event: Event, chance: random.Random) -> None:
    event["requestContext"]["http"]["method"] = chance.choice(["GET", "POST"])


def _body(event: Event, chance: random.Random) -> None:
    """Change characters, double or drop a piece, or put something in."""
    text = _text(event)
    at, to = sorted(chance.randint(0, len(text)) for _ in range(2))
    _put(
        event,
        chance.choice(
            (
                text[:at] + _string(chance) + text[at:],
                text[:at] + text[to:],
                text[:to] + text[at:to] + text[to:],
                text[:at] + chr(chance.randint(0, 0x2FFF)) + text[at + 1 :],
                text[:at],
                text.replace(chance.choice('",:<>{}0a'), chance.choice('",:<>{}0a')),
            )
        ),
        chance,
    )


def _leaf(event: Event, chance: random.Random) -> None:
    """Change one value inside a body of JSON, however deep, or take it out."""
    try:
        document = json.loads(_text(event))
    except ValueError:
        return _body(event, chance)
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, member in members:
            places.append((value, name))
            waiting.append(member)
    if places:
        holder, name = chance.choice(places)
        if isinstance(holder, dict) and chance.random() < 0.2:
            del holder[name]
        else:
            holder[name] = chance.choice(NASTY)
    return _put(event, json.dumps(document, ensure_ascii=chance.random() < 0.5), chance)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is written through any client, as it happens."""
    made: list[str] = []
    call: Callable[..., Any] = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        if operation in WRITES:
            item = arguments.get("Item", {})
            made.append(
                f"{operation} {arguments.get('Key') or {name: item[name] for name in ('pk', 'id') if name in item}}"
            )
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return made


def attack(world: kit.World, writes: list[str], rounds: int, seed: int) -> int:
    """Send mutated events, and return how many were answered as they may be."""
    seed = int(os.environ.get("FUZZ_SEED") or seed)
    print(f"FUZZ_SEED={seed}")
    chance, events = random.Random(seed), genuine()
    answered = {"2": 0, "4": 0}
    for number in range(rounds):
        function, now, event = chance.choice(events)
        world.clock.move_to(now)
        changed = mutated(event, chance)
        asked: list[Any] = [world.wechat.sent, world.dy.sent, *(other.sent for other in world.others)]
        for changing in (writes, *asked):
            changing.clear()
        answer = world.cloud.invoke(function, changed)  # an exception fails the test
        status, told = answer["statusCode"], f"seed {seed}, round {number}, {function}: {json.dumps(changed)[:3000]}"
        bad = (changed.get("pathParameters") or {}).get("account") == BAD
        assert status < 500 or (status == 503 and bad), f"{status} {answer['body']}: {told}"
        if status >= 400 and not any(asked):  # what the platform refused was recorded before it was asked
            # A refused hint was counted: that is how it came to be refused. An idempotency key is taken and given back.
            kept = [write for write in writes if "LIMIT#" not in write and "'id'" not in write]
            assert not kept, f"{status} wrote {kept}: {told}"
        answered[str(status)[0]] = answered.get(str(status)[0], 0) + 1
    assert answered["2"]
    assert answered["4"] > answered["2"] / 10
    return sum(answered.values())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[kit.World]:
    """Return fresh containers before every platform, whatever other tests left in this process."""
    session, reached = platform_http.session(), dict(platform_http.session().adapters)
    with kit.world() as made:
        made.others = []
        for platform in platforms():
            made.account(platform, BAD, {"api_v3_keys": []})
            if platform not in ("wechat", "douyin"):  # whose accounts and simulators are the kit's
                made.others.append(behind(made, platform, tmp_path))
        yield made
    session.adapters.clear()
    session.adapters.update(reached)


def behind(world: kit.World, platform: str, folder: Path) -> WechatAdapter:
    """Put a platform's simulator behind the accounts that its events are for."""
    base = f"http://127.0.0.1:1/{platform}"
    documents = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) | {"api_base": base}
        for path in sorted((ROOT / "tests" / "accounts" / platform).glob("*.json"))
    }
    for name, document in documents.items():
        world.account(platform, name, document)
    inbox = SimpleNamespace(add=lambda kind, entry: None)
    kind = import_module(f"sandbox.simulators.{platform}").Simulator
    adapter = WechatAdapter(kind(SimpleNamespace(now=time.time), documents, inbox, "https://pay.example.com", folder))
    platform_http.session().mount(base, adapter)
    return adapter


@pytest.mark.parametrize("part", range(4))
def test_two_thousand_mutated_events_break_nothing(
    part: int,  # the seed: the suite's verdict is about the code, and the soak draws another each time
    world: kit.World,
    writes: list[str],
) -> None:
    assert attack(world, writes, 500, part) == 500


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_fifty_thousand_mutated_events_break_nothing(world: kit.World, writes: list[str]) -> None:
    assert attack(world, writes, 50_000, secrets.randbits(32)) == 50_000
