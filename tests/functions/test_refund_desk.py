"""The refund desk over HTTP: who asks, who decides, and what is refused."""

import base64
import json
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Paid, RefundRefused, Terms, Verified
from countersign.orders.reasons import because
from countersign.store import OrderStore
from tests.functions.conftest import NOW, Cloud, http_event

KEY = OrderKey("wechat", "shop", "A|b*-_1")
ORDER = "/orders/{platform}/{account}/{order_id}"
PATH = {"platform": "wechat", "account": "shop", "order_id": "A|b*-_1"}
BEN, ANNA = {"sub": "ben"}, {"sub": "anna"}
TOO_LOW = "the balance is too low: top it up, then retry"
MACHINE = {"sub": "backend", "client_id": "backend"}


@pytest.fixture
def store(cloud: Cloud) -> OrderStore:
    store = OrderStore(cloud.dynamodb, "Orders")
    terms = Terms(Money(8800, "CNY"), "v3", "jsapi", "d", NOW - 60, NOW + 7200)
    store.record(Change(KEY, OrderCreated(terms), Operator("m"), "merchant", "1900099001", "v3"), now=NOW - 60)
    paid = Paid("4200002901202611221403050001", Money(8800, "CNY"), NOW - 30)
    store.record(Change(KEY, paid, Verified("k"), "notify", "1900099001", "v3"), now=NOW - 29)
    return store


class Desk:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def post(
        self, what: str, body: Any = None, *, by: dict[str, str] = BEN, path: dict[str, str] = PATH, key: str = "",
        **names: str,
    ) -> tuple[int, Any]:  # fmt: skip
        headers = {"idempotency-key": key} if key else {}
        text = {} if body is None else {"body": json.dumps(body)}
        event = http_event("POST", f"{ORDER}/{what}", {**path, **names}, claims=by, headers=headers, **text)
        return read(self.cloud.invoke("merchant_api", event))

    def get(self, route: str, by: dict[str, str] = ANNA, **query: str) -> tuple[int, Any]:
        event = http_event("GET", route, {}, claims=by, queryStringParameters=query)
        return read(self.cloud.invoke("merchant_api", event))

    def ask(self, minor: int | None = 1000, **more: Any) -> dict[str, Any]:
        amount = {} if minor is None else {"amount": {"minor": minor, "currency": "CNY"}}
        status, refund = self.post("refunds", {**amount, "reason": "too small", **more.pop("body", {})}, **more)
        assert status == 201, refund
        return refund

    def decide(self, word: str, refund: dict[str, Any], body: Any = None, by: dict[str, str] = ANNA) -> tuple[int, Any]:
        return self.post(f"refunds/{{refund_id}}/{word}", body, by=by, refund_id=refund["refund_id"])


def read(answer: dict[str, Any]) -> tuple[int, Any]:
    return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def desk(cloud: Cloud, store: OrderStore) -> Desk:
    return Desk(cloud)


def test_a_refund_is_asked_for_by_one_person_and_approved_by_another(desk):
    refund = desk.ask()
    assert (refund["status"], refund["requested_by"], refund["reason"]) == ("requested", "ben", "too small")

    status, approved = desk.decide("approve", refund)

    assert (status, approved["status"], approved["judged_by"]) == (200, "approved", "anna")
    assert approved["refund_id"] == refund["refund_id"]


def test_D16_who_asked_may_not_decide_and_a_machine_may_not_either(desk):
    refund = desk.ask()

    for word in ("approve", "reject", "retry"):
        assert desk.decide(word, refund, by=BEN)[0] == 403
        assert desk.decide(word, refund, by=MACHINE)[0] == 403
    done = {"outcome": "given_up", "note": "n"}
    assert [desk.decide("resolve", refund, done, by=who)[0] for who in (BEN, MACHINE)] == [403, 403]


def test_D16_a_double_click_is_one_approval_and_a_rejected_refund_stays_rejected(desk):
    first, second = desk.ask(), desk.ask()

    assert [desk.decide("approve", first)[0] for _ in range(3)] == [200] * 3
    assert desk.decide("reject", first)[0] == 409
    assert desk.decide("reject", second)[0] == 200
    assert desk.decide("approve", second)[0] == 409


def test_D16_an_approval_of_another_amount_than_was_seen_is_refused(desk):
    refund = desk.ask(1000)

    assert desk.decide("approve", refund, {"amount": {"minor": 900, "currency": "CNY"}})[0] == 409
    assert desk.decide("approve", refund, {"amount": {"minor": 1000, "currency": "CNY"}})[0] == 200


def test_more_than_is_left_cannot_be_asked_for(desk):
    desk.ask(8000)

    status, problem = desk.post("refunds", {"amount": {"minor": 801, "currency": "CNY"}})

    assert (status, problem["detail"]) == (409, "more than can still be refunded: 8.00 CNY is left")
    assert desk.ask(None)["amount"] == {"minor": 800, "currency": "CNY"}
    assert desk.post("refunds", {})[0] == 409


@pytest.mark.parametrize(
    "amount",
    [
        {"minor": 0, "currency": "CNY"},
        {"minor": 1.5, "currency": "CNY"},
        {"minor": "1", "currency": "CNY"},
        {"minor": True, "currency": "CNY"},
        {"minor": -1, "currency": "CNY"},
        {"minor": 1},
        {"minor": 1, "currency": "yuan"},
    ],
)
def test_C9_an_amount_is_whole_minor_units(desk, amount):
    assert desk.post("refunds", {"amount": amount})[0] == 400


def test_another_currency_than_the_orders_is_refused(desk):
    assert desk.post("refunds", {"amount": {"minor": 1, "currency": "USD"}})[0] == 409


def test_G5_the_same_key_gives_the_same_refund_and_another_wish_under_it_is_refused(desk):
    first = desk.ask(1000, key="click-1")

    assert desk.ask(1000, key="click-1")["refund_id"] == first["refund_id"]
    assert (
        desk.post("refunds", {"amount": {"minor": 999, "currency": "CNY"}, "reason": "too small"}, key="click-1")[0]
        == 422
    )
    assert desk.post("refunds", {"reason": "too big"}, key="click-1")[0] == 422
    assert desk.ask(1000, key="click-2")["refund_id"] != first["refund_id"]
    assert len(desk.get("/refunds")[1]["refunds"]) == 2


def test_the_rest_under_a_key_stays_the_rest_as_it_was(desk):
    first = desk.ask(None, key="click-1")

    assert first["amount"]["minor"] == 8800
    assert desk.ask(None, key="click-1") == first


def test_a_shoppers_wish_is_passed_on(desk):
    refund = desk.ask(body={"source": "shopper"}, by=MACHINE)

    assert (refund["source"], refund["requested_by"]) == ("shopper", "backend")


def test_outside_the_tokens_accounts_nothing_exists(desk):
    refund = desk.ask()
    other = {"accounts": "[wechat/classic]"}

    assert desk.post("refunds", {}, by={**BEN, **other})[0] == 404
    assert desk.decide("approve", refund, by={**ANNA, **other})[0] == 404
    assert desk.get("/refunds", by={**ANNA, **other}) == (200, {"refunds": [], "cursor": None, "people": {}})
    assert desk.get("/refunds", by={**ANNA, **other}, account="wechat/shop")[0] == 404


def test_unknown_orders_and_refunds_are_not_found(desk):
    assert desk.post("refunds", {}, path={**PATH, "order_id": "NOTHING-1"})[0] == 404
    assert desk.decide("approve", {"refund_id": "rf0"})[0] == 404


def test_lists_by_status(desk):
    first, second = desk.ask(), desk.ask()
    desk.decide("approve", first)

    def listed(**query: str) -> list[str]:
        return [row["refund_id"] for row in desk.get("/refunds", **query)[1]["refunds"]]

    assert listed(status="approved") == [first["refund_id"]]
    assert listed(status="requested", account="wechat/shop") == [second["refund_id"]]
    assert listed(status="requested", account="wechat/classic") == []
    assert sorted(listed()) == sorted([first["refund_id"], second["refund_id"]])
    assert desk.get("/refunds", status="lost")[0] == 422
    row = desk.get("/refunds", status="approved")[1]["refunds"][0]
    assert (row["platform"], row["account"], row["order_id"]) == ("wechat", "shop", "A|b*-_1")


def test_pages_follow_each_other(desk):
    asked = {desk.ask(100)["refund_id"] for _ in range(5)}

    seen: list[str] = []
    cursor = ""
    while rows := (page := desk.get("/refunds", cursor=cursor, limit="2")[1])["refunds"]:
        assert len(rows) <= 2
        seen += [row["refund_id"] for row in rows]
        cursor = page["cursor"]

    assert (len(seen), set(seen)) == (5, asked)


def test_a_page_looks_at_a_bounded_number_of_refunds(desk, monkeypatch):
    monkeypatch.setattr("countersign.store.lists.LOOKED_AT", 2)
    for _ in range(3):
        desk.ask(100)
    eve = {"sub": "eve", "accounts": "[wechat/classic]"}

    first = desk.get("/refunds", by=eve)[1]
    second = desk.get("/refunds", by=eve, cursor=first["cursor"])[1]
    third = desk.get("/refunds", by=eve, cursor=second["cursor"])[1]

    assert [page["refunds"] for page in (first, second, third)] == [[], [], []]
    assert first["cursor"] is not None
    assert second["cursor"] == third["cursor"] == first["cursor"]  # one is left, which is not theirs either
    assert "A|b" not in base64.b64decode(first["cursor"]).decode()


def refused(store: OrderStore, refund: dict[str, Any], attempt: int = 0) -> None:
    fact = RefundRefused(refund["refund_id"], attempt, because("said_by_the_platform", text=TOO_LOW))
    store.record(Change(KEY, fact, Verified("k"), "refund"), now=NOW)


def test_a_refund_that_needs_somebody_is_retried_under_its_number(desk, store):
    refund = desk.ask()
    desk.decide("approve", refund)
    assert desk.decide("retry", refund)[0] == 409
    refused(store, refund)
    waiting = desk.get("/refunds", status="needs_action")[1]["refunds"][0]
    assert waiting["problem"].endswith("top it up, then retry")
    (exception,) = desk.get("/exceptions")[1]["exceptions"]
    assert (exception["kind"], exception["reason"]) == ("needs_action", waiting["problem"])

    status, again = desk.decide("retry", refund)

    assert (status, again["status"], again["refund_id"], again["problem"]) == (
        200,
        "approved",
        refund["refund_id"],
        None,
    )
    assert desk.get("/exceptions")[1]["exceptions"] == []


@pytest.mark.parametrize(
    ("outcome", "status", "refunded"), [("refunded_elsewhere", "succeeded", 1000), ("given_up", "failed", 0)]
)
def test_a_person_says_what_became_of_it(desk, store, outcome, status, refunded):
    refund = desk.ask()
    desk.decide("approve", refund)
    refused(store, refund)

    answer = desk.decide("resolve", refund, {"outcome": outcome, "note": "bank transfer 17"})

    assert (answer[0], answer[1]["status"], answer[1]["resolved_by"], answer[1]["note"]) == (
        200, status, "anna", "bank transfer 17",
    )  # fmt: skip
    order = store.get(KEY)
    assert order is not None
    # What was given up stays reserved until the platform says that it has no such refund.
    assert (order.refunded, order.reserved) == (refunded, 1000)


def test_a_settlement_says_what_was_done(desk, store):
    refund = desk.ask()
    desk.decide("approve", refund)
    refused(store, refund)

    assert desk.decide("resolve", refund, {"outcome": "given_up"})[0] == 400
    assert desk.decide("resolve", refund, {"outcome": "forgotten", "note": "n"})[0] == 400
