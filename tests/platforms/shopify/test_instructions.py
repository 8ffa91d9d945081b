"""What people instruct a shop to do about an order's money: it is asked once, and its order says what became of it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from countersign.orders.changes import OrderKey
from countersign.orders.instructions import Instruction
from sandbox.simulators.shopify.orders import Order as Sold
from tests.functions.conftest import http_event
from tests.platforms.shopify.world import APP, SHOP, Json, Shopify, documents, shopify

ROUTE = "/orders/{platform}/{account}/{order_id}/"
CANCEL = {"reason": "customer", "restock": True}
# What is instructed, of which order, and the shop's mutation.
EACH: dict[str, tuple[Json, str, str]] = {
    "capture": ({}, "authorization", "orderCapture"),
    "void": ({}, "authorization", "transactionVoid"),
    "cancel": (CANCEL, "authorization", "orderCancel"),
    "mark-paid": ({"amount": {"minor": 10_000, "currency": "USD"}}, "none", "orderMarkAsPaid"),
}


@pytest.fixture
def limited(clock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from moto import mock_aws

    from countersign.workers import scan

    monkeypatch.setattr(scan, "WRITERS", 1)
    with mock_aws(), shopify(clock, documents(mark_paid_limits={"USD": "100.00"})) as made:
        yield made


def sold(world: Shopify, pay: str = "authorization", **how: Any) -> Sold:
    """Have an order that is known; one that nothing paid waits for a bank deposit."""
    made = world.make("create", pay=pay, **how)
    if pay == "none":
        world.make("pay", order=made.id, status="pending", gateway="manual")
    world.run("scan", 600)
    return made


def instruct(
    world: Shopify,
    made: Sold,
    what: str,
    body: Json | None = None,
    by: str | Mapping[str, str] = "anna",
    **headers: str,
) -> Json:
    """Make the call of somebody, who is named or described by claims."""
    parameters = {"platform": "shopify", "account": SHOP, "order_id": str(made.id)}
    wanted = json.dumps(EACH[what][0] if body is None else body)
    claims = {"sub": by} if isinstance(by, str) else dict(by)
    event = http_event("POST", ROUTE + what, parameters, body=wanted, claims=claims, headers=headers)
    answer = world.cloud.invoke("decisions_api", event)
    return {"http": answer["statusCode"], **json.loads(answer["body"])}


def stored(world: Shopify, made: Sold, number: str) -> Instruction:
    found = world.store.instruction(OrderKey("shopify", SHOP, str(made.id)), number)
    assert found is not None
    instruction: Instruction = found.child
    return instruction


def accepted(world: Shopify) -> list[str]:
    return world.wire.simulator.apis[APP, SHOP].till.accepted


def work(world: Shopify, *seconds: int) -> None:
    for more in seconds or (1,):
        world.run("instruct", more)


@pytest.mark.parametrize("what", EACH)
def test_an_instruction_is_recorded_first_and_done_once(limited: Shopify, what: str) -> None:
    made = sold(limited, EACH[what][1])

    answer = instruct(limited, made, what)
    assert (answer["http"], answer["status"], accepted(limited)) == (202, "requested", [])
    work(limited, 1, 10, 60)

    assert stored(limited, made, answer["instruction_id"]).status == "succeeded"
    assert accepted(limited) == [EACH[what][2]]
    order = limited.order(str(made.id))
    status = {"capture": "paid", "void": "failed", "cancel": "closed", "mark-paid": "paid"}[what]
    assert (order.status, order.instruction_id) == (status, "")
    assert limited.shown(str(made.id))["instructions"][0]["status"] == "succeeded"
    limited.agrees(made)


@pytest.mark.parametrize("what", EACH)
def test_a_lost_answer_is_read_and_nothing_is_asked_twice(limited: Shopify, what: str) -> None:
    made = sold(limited, EACH[what][1])
    number = instruct(limited, made, what)["instruction_id"]
    limited.wire.simulator.faults({"error500": {"match": EACH[what][2] + "(", "after": True, "count": 1}})

    work(limited, 1)
    assert stored(limited, made, number).status == "processing"
    work(limited, 6, 60)

    assert (stored(limited, made, number).status, accepted(limited)) == ("succeeded", [EACH[what][2]])
    limited.agrees(made)


@pytest.mark.parametrize("what", EACH)
def test_a_call_that_never_came_there_is_made_again_once_a_late_reading_shows_nothing_of_it(
    limited: Shopify, what: str
) -> None:
    made = sold(limited, EACH[what][1])
    number = instruct(limited, made, what)["instruction_id"]
    limited.wire.simulator.faults({"error500": {"match": EACH[what][2] + "(", "count": 1}})

    work(limited, 1, 6, 31, 121)
    assert (stored(limited, made, number).status, accepted(limited)) == ("processing", [])
    work(limited, 600, 10, 60)

    assert (stored(limited, made, number).status, accepted(limited)) == ("succeeded", [EACH[what][2]])


def test_a_part_of_a_hold_is_asked_for_once_and_then_a_person_must_look(limited: Shopify) -> None:
    made = sold(limited)
    body = {"amount": {"minor": 4000, "currency": "USD"}}
    number = instruct(limited, made, "capture", body)["instruction_id"]
    limited.wire.simulator.faults({"error500": {"match": "CaptureOrder", "count": 1}})

    work(limited, 1, 6, 601, 7 * 3600)

    found = stored(limited, made, number)
    assert (found.status, found.calls, accepted(limited)) == ("needs_action", 1, [])
    assert instruct(limited, made, "capture", body)["http"] == 202  # it is over, and another one may follow


def test_two_captures_take_a_hold_bit_by_bit_and_no_more_than_there_is(limited: Shopify) -> None:
    made = sold(limited, minor=10_000, currency="KWD", shop_currency="USD", shop_minor=32_520)
    for minor in (4000, 6000):
        number = instruct(limited, made, "capture", {"amount": {"minor": minor, "currency": "KWD"}})["instruction_id"]
        work(limited)
        assert stored(limited, made, number).status == "succeeded"

    limited.agrees(made)
    assert [one.amount for one in made.movements if one.kind == "capture"] == [4000, 6000]
    assert instruct(limited, made, "capture")["http"] == 409


def test_more_than_is_held_another_currency_and_a_second_wish_at_once_are_refused(limited: Shopify) -> None:
    made = sold(limited)
    for minor, currency in ((10_001, "USD"), (100, "EUR")):
        assert instruct(limited, made, "capture", {"amount": {"minor": minor, "currency": currency}})["http"] == 409
    first = instruct(limited, made, "capture", **{"idempotency-key": "K-1"})

    assert instruct(limited, made, "void")["http"] == 409
    assert instruct(limited, made, "capture", **{"idempotency-key": "K-1"})["instruction_id"] == first["instruction_id"]
    other = {"amount": {"minor": 1, "currency": "USD"}}
    assert instruct(limited, made, "capture", other, **{"idempotency-key": "K-1"})["http"] == 422


def test_what_staff_did_in_the_shop_meanwhile_is_seen_before_anything_is_asked(limited: Shopify) -> None:
    made = sold(limited)
    number = instruct(limited, made, "capture")["instruction_id"]
    limited.make("pay", order=made.id, kind="capture", minor=10_000, gateway="shopify_payments")

    work(limited)

    assert (stored(limited, made, number).status, accepted(limited)) == ("failed", [])
    limited.agrees(made)


def test_what_the_shop_objects_to_is_said_and_over(limited: Shopify) -> None:
    made = sold(limited)
    number = instruct(limited, made, "capture")["instruction_id"]
    limited.wire.simulator.faults({"money_refused": 1})

    work(limited)

    found = stored(limited, made, number)
    assert (found.status, dict(found.problem.args) if found.problem else {}) == (
        "failed",
        {"text": "The shop does not do that"},
    )


def test_a_capture_that_is_pending_is_read_until_it_is_over(limited: Shopify) -> None:
    made = sold(limited)
    number = instruct(limited, made, "capture")["instruction_id"]
    limited.wire.simulator.faults({"capture_status": {"status": "pending", "count": 1}})
    work(limited, 1, 10, 700)
    assert (stored(limited, made, number).status, accepted(limited)) == ("processing", ["orderCapture"])

    limited.make("settle", order=made.id, quiet=True)
    work(limited, 1800)

    assert (stored(limited, made, number).status, accepted(limited)) == ("succeeded", ["orderCapture"])


class TestMarkAsPaid:
    """Money that nobody here saw: a person says that it came."""

    def test_above_the_limit_a_second_person_must_say_the_same(self, limited: Shopify) -> None:
        made = sold(limited, "none", minor=10_001)
        body = {"amount": {"minor": 10_001, "currency": "USD"}}
        number = instruct(limited, made, "mark-paid", body)["instruction_id"]
        work(limited)
        assert (stored(limited, made, number).status, accepted(limited)) == ("unconfirmed", [])

        assert instruct(limited, made, "mark-paid", body)["http"] == 409  # the same person
        assert instruct(limited, made, "mark-paid", EACH["mark-paid"][0], by="ben")["http"] == 409  # another amount
        assert instruct(limited, made, "mark-paid", body, by="ben")["status"] == "confirmed"
        work(limited)

        assert (stored(limited, made, number).status, accepted(limited)) == ("succeeded", ["orderMarkAsPaid"])
        assert limited.order(str(made.id)).status == "paid"

    def test_of_an_account_without_a_limit_a_second_person_is_always_needed(self, world: Shopify) -> None:
        made = sold(world, "none", minor=1)
        number = instruct(world, made, "mark-paid", {"amount": {"minor": 1, "currency": "USD"}})["instruction_id"]

        work(world)

        assert stored(world, made, number).status == "unconfirmed"

    def test_what_is_at_no_manual_gateway_is_not_marked(self, limited: Shopify) -> None:
        made = limited.make("create", pay="none")
        limited.make("pay", order=made.id, status="pending", gateway="a_card_gateway")
        limited.run("scan", 600)
        number = instruct(limited, made, "mark-paid")["instruction_id"]

        work(limited)

        assert (stored(limited, made, number).status, accepted(limited)) == ("failed", [])

    def test_another_amount_than_is_due_is_refused_and_one_that_changed_since_too(self, limited: Shopify) -> None:
        made = sold(limited, "none")
        assert instruct(limited, made, "mark-paid", {"amount": {"minor": 9999, "currency": "USD"}})["http"] == 409
        number = instruct(limited, made, "mark-paid")["instruction_id"]
        limited.make("edit", order=made.id, minor=12_000)

        work(limited)

        assert (stored(limited, made, number).status, accepted(limited)) == ("failed", [])

    def test_a_machine_may_not(self, limited: Shopify) -> None:
        made = sold(limited, "none")
        parameters = {"platform": "shopify", "account": SHOP, "order_id": str(made.id)}
        event = http_event("POST", ROUTE + "mark-paid", parameters, body=json.dumps(EACH["mark-paid"][0]))
        claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
        del claims["username"]

        assert limited.cloud.invoke("decisions_api", event)["statusCode"] == 403


def test_what_nobody_knows_is_an_exception_and_the_order_says_what_is_next(limited: Shopify) -> None:
    made = sold(limited)
    instruct(limited, made, "void")
    key = {"platform": "shopify", "account": SHOP, "order_id": str(made.id)}
    limited.wire.simulator.faults({"error500": {"match": "transactionVoid(", "count": 9}})

    def next_of() -> list[str]:
        answer = limited.cloud.invoke("orders_api", http_event("GET", ROUTE + "explanation", key))
        return [one["code"] for one in json.loads(answer["body"])["next"]]

    assert "next.instruction_on_its_way" in next_of()
    work(limited, 1, 601, 601, 601, 7 * 3600)

    assert next_of()[0] == "next.instruction_needs_a_person"
    (listed,) = json.loads(limited.cloud.invoke("orders_api", http_event("GET", "/exceptions", {}))["body"])[
        "exceptions"
    ]
    assert (listed["kind"], listed["order_id"], listed["amount"]) == ("needs_action", str(made.id), None)
    assert limited.wire.simulator.apis[APP, SHOP].till.accepted == []


class TestActions:
    """What an order's page says may be instructed is what the route answers."""

    def actions(self, world: Shopify, made: Sold, by: str = "anna", language: str = "en", **claims: str) -> Json:
        parameters = {"platform": "shopify", "account": SHOP, "order_id": str(made.id)}
        event = http_event(
            "GET",
            "/orders/{platform}/{account}/{order_id}",
            parameters,
            claims={"sub": by, **claims},
            headers={"accept-language": language},
        )
        answer = world.cloud.invoke("orders_api", event)
        assert answer["statusCode"] == 200, answer
        shown: Json = json.loads(answer["body"])["actions"]
        return {name.replace("_", "-"): shown[name] for name in ("capture", "void", "cancel", "mark_paid")}

    def codes(self, world: Shopify, made: Sold, by: str = "anna", **claims: str) -> Json:
        """Return the code of each action that is refused, and see that its route refuses it by the same."""
        shown = self.actions(world, made, by, **claims)
        for what, action in shown.items():
            if not action["allowed"]:
                answer = instruct(world, made, what, by={"sub": by, **claims})
                assert (answer["http"], answer["code"]) in {(403, action["code"]), (409, action["code"])}, what
        return {what: action["code"] for what, action in shown.items()}

    def test_of_an_order_whose_money_is_held_it_can_be_taken_and_let_go(self, limited: Shopify) -> None:
        made = sold(limited)

        assert self.codes(limited, made) == {"capture": None, "void": None, "cancel": None, "mark-paid": None}

        instruct(limited, made, "capture")
        assert set(self.codes(limited, made).values()) == {"instruction_is_open"}
        work(limited)
        assert self.codes(limited, made) == {
            "capture": "nothing_authorized",
            "void": "nothing_authorized",
            "cancel": None,
            "mark-paid": "another_balance",
        }

    def test_a_cancelled_order_is_not_cancelled_again(self, limited: Shopify) -> None:
        made = sold(limited)
        instruct(limited, made, "cancel")
        work(limited, 1, 10, 60)

        assert self.codes(limited, made)["cancel"] == "order_is"

    def test_who_has_no_right_or_is_no_person_is_told_so(self, limited: Shopify) -> None:
        made = sold(limited, "none")

        assert self.codes(limited, made, scope="orders:read") == dict.fromkeys(EACH, "scope_missing")
        machine = self.codes(limited, made, by="spa", username="")
        assert (machine["cancel"], machine["mark-paid"]) == (None, "person_needed")

    def test_only_another_person_may_agree_to_what_waits_for_a_second_one(self, world: Shopify) -> None:
        made = sold(world, "none")
        instruct(world, made, "mark-paid")
        work(world)

        assert self.codes(world, made)["mark-paid"] == "another_person_needed"
        assert self.codes(world, made, by="ben")["mark-paid"] is None
        assert instruct(world, made, "mark-paid", by="ben")["status"] == "confirmed"

    def test_why_not_is_said_in_the_callers_language(self, limited: Shopify) -> None:
        made = sold(limited, "sale")

        said = [self.actions(limited, made, language=one)["void"]["why"] for one in ("en", "zh")]

        assert said == ["nothing is held that could be taken or let go", "没有可请款或可撤销的预授权"]

    def test_a_row_of_a_list_says_the_same(self, limited: Shopify) -> None:
        made = sold(limited)
        event = http_event("GET", "/orders", {}, claims={"sub": "anna"})
        event["queryStringParameters"] = {"account": f"shopify/{SHOP}"}

        [row] = json.loads(limited.cloud.invoke("orders_api", event)["body"])["orders"]

        assert {what: row["actions"][what.replace("-", "_")] for what in EACH} == self.actions(limited, made)
