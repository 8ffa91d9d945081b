"""`trigger` and `tail`: what is asked of a sandbox, and how it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from countersign_cli import times
from countersign_cli.commands import trigger
from tests.cli.conftest import NOW, Fakes, order

Json = dict[str, Any]


def event(number: int, decision: str = "applied", **more: Any) -> Json:
    at = times.iso(NOW - 60 + number)
    return {"event_id": f"e{number}", "received_at": at, "decision": decision, "reason": f"news {number}", **more}


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(trigger, "LOOK_SECONDS", 0.01)


class Platform:
    """WeChat's simulator: what it was made to do, and the answers that came to its messages."""

    def __init__(self, fakes: Fakes, count: int, status: int = 204) -> None:
        self.told: list[Json] = []
        self.paid = False
        self.count, self.status = count, status
        fakes.on("GET /orders/wechat/shop/A-1", self.order)
        fakes.on("GET /requests", self.requests)
        fakes.on("POST /wechat/_control/pay", self.pay)
        fakes.on("POST /wechat/_control/notify", self.pay)

    def order(self, _: Any) -> Json:
        events = [event(1), *([event(2), event(3, "duplicate")] if self.paid else [])]
        return order(status="paid" if self.paid else "pending", events=events, version=1 + self.paid, review=[])

    def requests(self, _: Any) -> Json:
        one = {"path": "/wechat/shop/notify", "status": self.status, "seconds": 0.011, "answer": "no\x1b[2J"}
        return {"requests": [{"number": 8 + index, **one} for index in range(self.count if self.told else 0)]}

    def pay(self, asked: Any) -> Json:
        self.told.append(asked.json)
        self.paid = self.status == 204
        return {}


def test_twenty_at_once_are_twenty_answers_and_one_transition(fakes: Fakes) -> None:
    platform = Platform(fakes, 20)

    result = fakes.run("trigger", "wechat", "paid", "--order", "wechat/shop/A-1", "--concurrent", "20")

    [told] = platform.told
    assert (told["account"], told["out_trade_no"], told["times"], told["concurrent"]) == ("shop", "A-1", 20, True)
    assert result.stdout.splitlines() == [
        f"sent 20 · answered {' '.join(['204'] * 20)} (11–11 ms)",
        "order: pending → paid, transitions: 1",
    ]


def test_answers_are_shown_and_obeyed_by_no_terminal(fakes: Fakes) -> None:
    Platform(fakes, 2, status=401)

    result = fakes.run("trigger", "wechat", "paid", "--order", "wechat/shop/A-1", "--forged", "--times", "2", "-v")

    assert "answered 401 401" in result.stdout
    assert "  2 × no�[2J" in result.stdout
    assert "order: pending → pending, transitions: 0" in result.stdout


def test_another_amount_and_a_lost_notice_are_told_to_the_platform(fakes: Fakes) -> None:
    platform = Platform(fakes, 0)

    result = fakes.run(
        "trigger", "wechat", "paid", "--order", "wechat/shop/A-1", "--amount", "0.01", "--lost", "--late"
    )

    [told] = platform.told
    assert (told["amount"], told["notify"], told["late"]) == (1, False, True)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "nothing was sent")


def test_a_message_that_never_came_is_found(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger, "WAIT_SECONDS", 0.05)
    Platform(fakes, 0)

    assert fakes.run("trigger", "wechat", "paid", "--order", "wechat/shop/A-1").exit_code == 1


def test_knobs_are_turned_back_whatever_happens(fakes: Fakes) -> None:
    fakes.on("GET /orders/douyin/app/A-1", order(review=[]))
    fakes.on("GET /requests", {"requests": []})
    fakes.on("POST /faults", {})
    fakes.on("POST /douyin/_control/pay", {"error": "no such order"}, 404)

    result = fakes.run("trigger", "douyin", "paid", "--order", "douyin/app/A-1", "--forged", "--times", "3")

    turned = [asked.json["douyin"] for asked in fakes.calls("POST /faults")]
    assert result.exit_code == 3
    assert turned == [
        {"forge": {"count": 3, "instead": True}, "duplicate": {"copies": 3, "count": 1}},
        {"forge": False, "duplicate": False},
    ]


@pytest.mark.parametrize("arguments", [["wechat", "nothing"], ["wechat", "paid"], ["shopify", "created"]])
def test_what_cannot_be_done_is_misuse(fakes: Fakes, arguments: list[str]) -> None:
    assert fakes.run("trigger", *arguments).exit_code == 2


class TestTail:
    @pytest.fixture
    def busy(self, fakes: Fakes) -> Fakes:
        fakes.on("GET /accounts", {"accounts": [{"account": "wechat/shop"}]})
        fakes.on("GET /changes", {"changes": [], "cursor": "c"})
        fakes.on("GET /orders", {"orders": [order(updated_at=times.iso(NOW - 10))], "cursor": None})
        asks = [{"evidence": ["e2"]}]
        whole = order(events=[event(-5000), event(1), event(2), event(3, "orphan")], review=asks)
        fakes.on("GET /orders/wechat/shop/A-1", whole)
        refused = {"message": "refused", "timestamp": times.iso(NOW - 20), "error": "InvalidSignatureError"}
        lines = [
            {"function": "wechat_notify", "line": json.dumps({**refused, "reason": "one byte", "request_id": "r1"})},
            {"function": "orders_api", "line": json.dumps({**refused, "reason": "a person", "request_id": "r2"})},
        ]
        fakes.on("GET /logs", lines)
        return fakes

    def test_what_happened_is_told_in_its_sequence_with_what_was_refused(self, busy: Fakes) -> None:
        result = busy.run("tail", "--once", "--since", "2m")

        assert result.stdout.splitlines() == [
            "09:07:21 → wechat/shop/A-1  news 1  counted",
            "09:07:22 → wechat/shop/A-1  news 2  asks a person",
            "09:07:23 → wechat/shop/A-1  news 3  kept for an order that is unknown here",
            "09:08:00 ✕ wechat_notify  401 InvalidSignatureError: one byte",
        ]

    def test_problems_are_what_somebody_should_look_at(self, busy: Fakes) -> None:
        lines = busy.run("tail", "--once", "--problems", "-o", "json").stdout.splitlines()

        assert [json.loads(line).get("event_id", "refused") for line in lines] == ["e2", "e3", "refused"]

    def test_it_follows_until_ctrl_c_and_tells_nothing_twice(self, busy: Fakes) -> None:
        def changes(asked: Any) -> Json:
            if "after" not in asked.query:
                return {"changes": [], "cursor": "c"}
            if len(busy.calls("GET /changes")) > 3:
                raise KeyboardInterrupt
            row = {"platform": "wechat", "account": "shop", "order_id": "A-1"}
            return {"changes": [row], "cursor": "d"}

        busy.on("GET /changes", changes)
        # How long to wait is the API's word, and this one says: not at all.
        busy.on("GET /logs", [])
        import countersign_cli.commands.tail as module

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(module, "POLL_SECONDS", 0.0)
            result = busy.run("tail", "--since", "2m")

        assert result.exit_code == 0
        assert [line.split("  ")[1] for line in result.stdout.splitlines()] == ["news 1", "news 2", "news 3"]
