"""What a vector of each of the cashiers' categories must give, checked against our own code; a failed check raises."""

from collections.abc import Callable, Mapping
from typing import Any

from countersign.cashiers.doors import DOORS
from countersign.cashiers.hc1 import client, messages, notify, signing, translate
from countersign.cashiers.hc1 import settings as hc1_settings
from countersign.cashiers.hc1.settings import Settings
from countersign.errors import (
    CountersignError,
    InvalidSignatureError,
    MalformedError,
    NotGenuineError,
    PlatformUnavailableError,
    StaleTimestampError,
    TenantMismatchError,
    UnknownKeyError,
)
from countersign.http import HttpRequest, read_json
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    Failed,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    PlatformEvent,
    Queried,
    RefundReported,
    Terms,
    Unpaid,
    Verified,
)
from countersign.orders.decide import decide
from countersign.orders.state import Order
from countersign.platforms.bigcommerce import settlement

Vector = Mapping[str, Any]
STATUS = {Paid: "SUCCEEDED", Failed: "FAILED", Closed: "EXPIRED", Unpaid: "PROCESSING"}
# By which of our errors a reason of the vectors is told.
REASONS: Mapping[str, type[CountersignError]] = {
    "bad_signature": InvalidSignatureError,
    "missing_headers": InvalidSignatureError,
    "bad_nonce": InvalidSignatureError,
    "unknown_key": UnknownKeyError,
    "timestamp_too_old": StaleTimestampError,
    "timestamp_too_new": StaleTimestampError,
    "wrong_merchant": TenantMismatchError,
    "invalid_body": MalformedError,
}


class VectorFailedError(Exception):
    """Our code gives something else than a vector says."""


def must(holds: object, what: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise VectorFailedError(what)


def account(inputs: Mapping[str, Any]) -> Settings:
    """Return the HC1 account that a vector is of."""
    return hc1_settings.load(
        {
            "merchant_id": inputs["merchant_id"],
            "keys": [{"id": name, "secret": secret} for name, secret in inputs["keys"].items()],
            "base_url": "https://gateway.example.com",
            "cashier_hosts": inputs.get("allowed_cashier_hosts") or ["cashier.example.com"],
        }
    )


def request_of(raw: Mapping[str, Any]) -> HttpRequest:
    """Return a vector's request: the exact bytes, header names in lower case."""
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    return HttpRequest(raw["method"], raw["path"], headers, raw["body"].encode())


def check_request(vector: Vector) -> None:
    """Check that we sign a request as the vector does."""
    raw, inputs = vector["raw_request"], vector["inputs"]
    settings, sent = account(inputs), {name.lower(): value for name, value in raw["headers"].items()}
    key = settings.key(sent["hc-key-id"])
    must(key is not None, "the account lacks the vector's key")
    assert key is not None
    made = signing.sign_request(
        raw["method"],
        raw["url"].removeprefix("https://gateway.example.com"),
        raw["body"].encode(),
        key,
        now=int(sent["hc-timestamp"]),
        nonce=sent["hc-nonce"],
    )
    for name, value in made.items():
        must(sent[name.lower()] == value, f"{name} is {value}")
    must(made["HC-Signature"] == vector["expect"]["signature"], "another signature")


def check_notification(vector: Vector) -> None:
    """Check that a notification is taken or refused, by what, and what it says."""
    raw, inputs, expect = vector["raw_request"], vector["inputs"], vector["expect"]
    door = DOORS["hc1"]
    try:
        told = notify.parse(request_of(raw), account(inputs), int(inputs["now"]))
        changes = told.changes("hc1.vectors")
    except CountersignError as error:
        must(expect["reason"] in REASONS, f"refused ({error}), and it is genuine")
        must(isinstance(error, REASONS[expect["reason"]]), f"refused as {type(error).__name__}")
        must(door.refused(error).status == expect["http_status"], f"answered {door.refused(error).status}")
        return
    must(expect["reason"] == "ok", "taken, and it must be refused")
    must(door.accepted().status == expect["http_status"], "another status")
    must(door.accepted().body == expect["ack_body"], "acknowledged in other words")
    must(isinstance(changes, tuple), "no changes")
    assert isinstance(changes, tuple)
    check_changes(changes, expect)


def check_changes(changes: tuple[Change, ...], expect: Mapping[str, Any]) -> None:
    """Compare what is told with what a vector says of it."""
    facts: list[Fact] = [change.fact for change in changes if not isinstance(change.fact, PlatformEvent)]
    must(len(facts) == 1, f"{len(facts)} facts")
    must(STATUS.get(type(facts[0])) == expect["normalized_status"], f"told {facts[0].kind}")
    if "merchant_payment_id" in expect:
        must(changes[0].key.order_id == expect["merchant_payment_id"], "of another payment")
    if "event_id" in expect:
        must(changes[0].envelope_id == expect["event_id"], "another event id")
    if "amount" in expect and isinstance(facts[0], Paid):
        total = {"value": facts[0].total.minor, "currency": facts[0].total.currency}
        must(total == expect["amount"], f"paid {facts[0].total}")


def check_response(vector: Vector) -> None:
    """Check that an answer is believed or not, and that no browser is sent to an unsafe page."""
    answer, inputs, expect = vector["raw_request"]["response"], vector["inputs"], vector["expect"]
    settings, body = account(inputs), answer["body"].encode()
    try:
        signing.verify_response(
            answer["status"], answer["headers"], body, inputs["request_nonce"], settings, now=int(inputs["now"])
        )
    except NotGenuineError as error:
        must(not expect["valid"], f"not believed ({error}), and it is genuine")
        must(isinstance(error, REASONS[expect["reason"]]), f"refused as {type(error).__name__}")
        return
    must(expect["valid"], "believed, and it is not genuine")
    try:
        url = client.cashier_url(read_json(body), settings)
    except PlatformUnavailableError as error:
        must(str(error).startswith(expect["reason"]), f"refused: {error}")
        must(expect["cashier_url"] is None, "refused, and it is safe")
        return
    must(url == expect["cashier_url"], f"the page is {url}")


def check_sequence(vector: Vector) -> None:
    """Check that a nonce is good once, and that what is repeated under a new one says the same."""
    inputs, expect = vector["inputs"], vector["expect"]
    settings, used, said = account(inputs), set(), []
    for raw, status in zip(vector["raw_request"], expect["http_status"], strict=True):
        told = notify.parse(request_of(raw), settings, int(inputs["now"]))
        fresh = told.nonce not in used
        used.add(told.nonce)
        must(fresh is (status == 200), f"a nonce that is fresh: {fresh}")
        if fresh:
            changes = told.changes("hc1.vectors")
            assert isinstance(changes, tuple)
            said.append(tuple((change.key, change.fact) for change in changes))
    must(len(set(said)) == expect["settlement_calls"], "told twice, it says two things")


def check_stripe(vector: Vector) -> None:
    """Check that an event is taken or refused, with which status, and what it says."""
    raw, inputs, expect, door = vector["raw_request"], vector["inputs"], vector["expect"], DOORS["stripe"]
    settings = door.load({"api_key": "sk_test_of_the_vectors", "webhook_secrets": [inputs["webhook_secret"]]})
    try:
        changes = door.parse(request_of(raw), settings, int(inputs["now"])).changes("stripe.vectors")
    except CountersignError as error:
        must(not expect["valid"], f"refused ({error}), and it is genuine")
        must(door.refused(error).status == expect["http_status"], f"answered {door.refused(error).status}")
        return
    must(expect["valid"], "taken, and it is not genuine")
    must(door.accepted().status == expect["http_status"], "another status")
    must(isinstance(changes, Change), "no change")
    assert isinstance(changes, Change)
    check_changes((changes,), expect)


def check_settlement(vector: Vector) -> None:
    """Check what an event makes of an attempt, and what is written to the order of the store."""
    inputs, expect = vector["inputs"], vector["expect"]
    order, event = inputs["order"], inputs["event"]
    wanted = settlement.due(order)
    amount = event["amount"]
    key, at = OrderKey("cashier", "hc1.vectors", event["merchant_payment_id"]), int(inputs["now"])
    terms = Terms(wanted, "hc1", "automatic", "d", at - 60, at + 1740)
    attempt = take(None, Change(key, OrderCreated(terms), Operator("m"), "merchant", "m", "hc1"))
    before = {"PAID": "SUCCEEDED", "EXPIRED": "EXPIRED"}.get(inputs["local_state"])
    if before:
        attempt = tell(attempt, event, before, amount if before == "SUCCEEDED" else None, at - 30)
    kind = event["event_type"].rpartition(".")[2].upper()
    if event["event_type"].startswith("refund."):
        back = Money(amount["value"], amount["currency"])
        refunded = RefundReported("r1", back, "succeeded", at=at)
        attempt = take(attempt, Change(key, refunded, Queried(), "query", "m", "hc1"))
        must(str(back).partition(" ")[0] == expect["bigcommerce_refund"]["amount"], "another amount to record")
    else:
        attempt = tell(attempt, event, kind, event["paid_amount"], at)
    step = settlement.step(attempt, order["status_id"], is_digital=order["order_is_digital"])
    must(step.state == expect["local_state"], f"the attempt is {step.state}")
    must(step.put == (expect["put"] or {}).get("status_id"), f"{step.put} is written")
    must(step.alert == (expect["alert"] or ""), f"{step.alert!r} rings")


def tell(attempt: Order, event: Mapping[str, Any], status: str, paid: Mapping[str, Any] | None, at: int) -> Order:
    """Return the attempt after an HC1 cashier told of it."""
    amount = event["amount"]
    payment = messages.read_payment(
        {
            "payment_id": event["payment_id"],
            "merchant_payment_id": event["merchant_payment_id"],
            "status": status,
            "amount": amount,
            "paid_amount": paid or {"value": 0, "currency": amount["currency"]},
            "version": 2,
        }
    )
    told = messages.Notification("evt_1", f"payment.{status.lower()}", at, payment)
    for change in translate.notification_to_changes(told, attempt.key, "m", Verified("k")):
        attempt = take(attempt, change)
    return attempt


def take(attempt: Order | None, change: Change) -> Order:
    """Return the attempt after a change."""
    after = decide(attempt, change).order
    assert after is not None
    return after


CHECKS: Mapping[str, Callable[[Vector], None]] = {
    "hc1_request": check_request,
    "hc1_notification": check_notification,
    "hc1_response": check_response,
    "hc1_sequence": check_sequence,
    "stripe_webhook": check_stripe,
    "settlement": check_settlement,
}
