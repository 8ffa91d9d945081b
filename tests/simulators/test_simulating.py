"""What every simulator stands on, shown with a platform that nobody knows: made of the kit, found by its folder."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sandbox import demo, events, make_events
from sandbox.simulating import simulator
from sandbox.simulating.control import ControlError, RefusedError
from sandbox.simulating.postman import Delivery, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.simulating.simulator import Call, Reply
    from tests.simulators.conftest import Clock, Inbox, Shop

RETRIES = (5, 60)
Json = dict[str, Any]


class Notice(Delivery):
    def __init__(self, number: str) -> None:
        super().__init__("https://shop.example.com/nowhere/notify?a=1", number, RETRIES, spoiling=("forge",))

    def message(self, now: float, *, spoil: str = "", parameters: Any = None, copy: int = 0) -> Message:
        return Message(
            {"X-Key": spoil or "nowhere"}, json.dumps({"number": self.subject, "copy": copy}).encode(), "b=2"
        )


class Nowhere(simulator.Simulator):
    NAME = "nowhere"
    FAULTS: ClassVar[dict[str, str]] = {
        "forge": "a notice of a stranger's comes first",
        "broke": "the merchant has no money left",
    }
    FAILURES: ClassVar[dict[str, Any]] = {"broke": (402, {"error": "broke"})}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.done: list[str] = []
        self.notices: list[Notice] = []
        self._control.offer(pay=self.pay, ledger=lambda _: {"orders": self.done})

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        self.done.append(call.path)
        return self.json_reply(200, {"done": len(self.done)}), "shop"

    def seen(self, call: Call) -> Json:
        return {"number": call.query}

    def pay(self, body: Json) -> Json:
        if body["number"] == "unknown":
            raise ControlError(404, "no such order")
        if body["number"] == "paid":
            raise RefusedError("paid already")
        self.notices.append(Notice(body["number"]))
        self._postman.post(self.notices[-1], wait=float(body.get("wait", 10)))
        return {"attempts": len(self.notices[-1].attempts)}


@pytest.fixture
def nowhere(clock: Clock, inbox: Inbox, shop: Shop, tmp_path: Path) -> Iterator[Nowhere]:
    made = Nowhere(clock, {}, inbox, shop.base, tmp_path)
    made.start()
    yield made
    made.stop()


def quiet(nowhere: Nowhere) -> None:
    """Wait until nothing is due and nothing under way."""
    end = time.monotonic() + 60
    while nowhere._postman.busy():
        assert time.monotonic() < end, "something is still under way"
        time.sleep(0.005)


def heard(shop: Shop) -> list[tuple[str, str]]:
    return [(json.loads(one.body)["number"], one.headers["X-Key"]) for one in shop.heard]


def test_a_notice_is_repeated_by_the_table_until_it_is_taken(nowhere: Nowhere, shop: Shop, clock: Clock) -> None:
    statuses = iter((500, 503, 200))
    shop.answer = lambda _: (next(statuses), b"")

    assert nowhere.control("pay", {"number": "A1"}) == (200, {"attempts": 1})
    for seconds, attempts in ((4, 1), (1, 2), (59, 2), (1, 3), (100_000, 3)):
        clock.time += seconds
        quiet(nowhere)
        assert len(nowhere.notices[0].attempts) == attempts

    assert [one["status"] for one in nowhere.notices[0].attempts] == [500, 503, 200]
    assert (nowhere.notices[0].acknowledged, nowhere.notices[0].over) == (True, True)
    assert {one.path for one in shop.heard} == {"/nowhere/notify?a=1&b=2"}


def test_the_table_ends_and_then_nobody_tries_again(nowhere: Nowhere, shop: Shop, clock: Clock) -> None:
    shop.answer = lambda _: (500, b"")

    nowhere.control("pay", {"number": "A1"})
    for _ in range(5):
        clock.time += 100_000
        quiet(nowhere)

    assert len(nowhere.notices[0].attempts) == 1 + len(RETRIES)
    assert (nowhere.notices[0].acknowledged, nowhere.notices[0].over) == (False, True)
    assert nowhere._postman.waiting() == 0


def test_a_knob_fires_as_often_as_it_was_told_and_where_it_matches(nowhere: Nowhere, shop: Shop, clock: Clock) -> None:
    assert nowhere.faults({"drop": {"match": "A1"}, "forge": 2})["forge"]["remaining"] == 2

    for number in ("A1", "A2", "A3"):
        nowhere.control("pay", {"number": number})

    assert heard(shop) == [("A1", "forge"), ("A2", "forge"), ("A2", "nowhere"), ("A3", "nowhere")]
    assert nowhere.faults({}) == {}


def test_a_duplicate_comes_at_once_and_a_late_one_later(nowhere: Nowhere, shop: Shop, clock: Clock) -> None:
    nowhere.faults({"duplicate": {"copies": 3}})
    nowhere.control("pay", {"number": "A1"})
    assert sorted(json.loads(one.body)["copy"] for one in shop.heard) == [0, 1, 2]

    nowhere.faults({"delay": {"seconds": 30}, "reorder": {"match": "A3"}})
    nowhere.control("pay", {"number": "A2"})
    nowhere.control("pay", {"number": "A3"})
    nowhere.control("pay", {"number": "A4"})
    shop.wait_for(5)
    clock.time += 31

    shop.wait_for(6)
    assert [number for number, _ in heard(shop)[3:]] == ["A4", "A3", "A2"]


@pytest.mark.parametrize(("after", "done"), [(False, []), (True, ["/orders"])])
@pytest.mark.parametrize(
    ("knob", "status"), [("error500", 500), ("rate_limited", 429), ("not_json", 502), ("broke", 402)]
)
def test_a_call_fails_before_or_after_its_work(
    nowhere: Nowhere, inbox: Inbox, knob: str, status: int, after: bool, done: list[str]
) -> None:
    nowhere.faults({knob: {"after": after}})

    statuses = [nowhere.handle("GET", "/orders", "number=A1", {}, b"")[0] for _ in range(2)]

    assert statuses == [status, 200]
    assert nowhere.done == [*done, "/orders"]
    assert [(entry["kind"], entry["number"], entry["status"]) for entry in inbox.entries] == [
        ("nowhere", "number=A1", status),
        ("nowhere", "number=A1", 200),
    ]


def test_a_call_that_hangs_is_let_go_when_the_platform_stops(nowhere: Nowhere, inbox: Inbox) -> None:
    nowhere.faults({"hang": {"seconds": 1000, "match": "/orders"}})
    replies: list[Reply] = []
    calling = threading.Thread(target=lambda: replies.append(nowhere.handle("GET", "/orders", "", {}, b"")))
    calling.start()
    nowhere.stop()
    calling.join(10)

    assert (replies[0][0], nowhere.done, inbox.entries[0]["fault"]) == (503, [], "hang")


def test_half_an_answer_and_a_form_that_is_matched_as_it_was_meant(nowhere: Nowhere) -> None:
    nowhere.faults({"truncated": {"match": "name=milk tea"}})
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    bodies = [nowhere.handle("POST", "/orders", "", form, body)[2] for body in (b"name=tea", b"name=milk+tea")]

    assert [len(body) for body in bodies] == [len(b'{"done":1}'), len(b'{"done":1}') // 2]


def test_control_calls_say_what_is_wrong(nowhere: Nowhere, tmp_path: Path) -> None:
    assert nowhere.control("/_control/pay", {"number": "unknown"}) == (404, {"error": "no such order"})
    assert nowhere.control("pay", {"number": "paid"}) == (409, {"error": "paid already"})
    assert nowhere.control("pay") == (400, {"error": "KeyError: 'number'"})
    assert nowhere.control("dance") == (404, {"error": "there is no control call 'dance'; there are ['ledger', 'pay']"})
    with pytest.raises(ValueError, match="unknown faults"):
        nowhere.faults({"gremlins": 1})

    nowhere.stop()

    assert json.loads((tmp_path / "nowhere-ledger.json").read_text()) == {"orders": []}


# Found by folder.

EVENTS = """
from sandbox.events import shapes
from sandbox.events.shared import Case, SampleEvents

def sample_events(now):
    cases = {"nowhere_poll.schedule": Case(shapes.schedule("Nowhere", now), None, "why")}
    return SampleEvents(cases, {"shop": {"key": "k"}})
"""
SCENES = """
def scene(stage): ...
SCENES = (scene,)
"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """Put a module of a new platform's into a package's folder, as far as Python can tell."""

    def add(package: Any, name: str, text: str) -> None:
        folder = tmp_path / package.__name__
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)

    return add


def test_a_new_platforms_events_and_accounts_are_written_without_a_list(room: Any, tmp_path: Path) -> None:
    room(events, "nowhere", EVENTS)

    make_events.write(tmp_path)

    index = json.loads((tmp_path / "events/nowhere/index.json").read_text())
    assert index == {"nowhere_poll.schedule.json": {"now": make_events.NOON, "status": None, "why": "why"}}
    assert json.loads((tmp_path / "tests/accounts/nowhere/shop.json").read_text()) == {"key": "k"}
    assert set(make_events.of_platforms(0)) >= {"wechat", "douyin", "nowhere"}


def test_a_new_platforms_scenes_are_played_after_those_that_have_a_place(room: Any) -> None:
    before = demo.scenes()
    room(demo, "nowhere", SCENES)
    room(demo, "zero", f"PLACE = 0\n{SCENES}")

    played = demo.scenes()

    assert {scene.__module__ for scene in demo.scenes(["nowhere"])} == {"sandbox.demo.nowhere"}
    assert [scene.__module__ for scene in played if scene not in before] == [
        "sandbox.demo.zero",
        "sandbox.demo.nowhere",
    ]
    assert played[0].__module__ == "sandbox.demo.zero"
    placed = [hasattr(sys.modules[scene.__module__], "PLACE") for scene in played]
    assert placed == sorted(placed, reverse=True)
