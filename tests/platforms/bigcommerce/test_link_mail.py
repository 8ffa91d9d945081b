"""A shopper whose order waits is mailed a payment link: where the merchant wants it, once, and never for nothing."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sesv2 import sesv2_backends

from countersign.errors import KeysUnavailableError
from countersign.notices import payment_link_mail, settings
from countersign.platforms.bigcommerce import settings as app_settings
from countersign.store.installs import InstallStore
from countersign.store.journal import Who
from countersign.store.payment_links import PaymentLinks
from sandbox.events import shapes
from sandbox.simulators.bigcommerce.orders import Order
from tests.functions.conftest import aws, http_event
from tests.platforms.bigcommerce.world import APP, STORE, Json, Shop, app_document, shop

EVENT = "payment_link.due"
MAIL = {"enabled": True, "after": 1800, "from": "orders@notices.example.com", "language": "en"}
CANCELLED, FULFILLMENT = 5, 11
HOUR = 3600


@pytest.fixture
def made(
    request: pytest.FixtureRequest, clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    wanted = getattr(request, "param", MAIL)
    with mock_aws(), shop(clock, tmp_path, monkeypatch, app_document(payment_link_mail=wanted)) as world:
        aws("sesv2").create_email_identity(EmailIdentity="notices.example.com")
        sesv2_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].core_backend.sent_messages.clear()
        InstallStore(world.cloud.dynamodb, "Orders", "bigcommerce").installed(STORE, APP, now=world.now)
        for name in ("notify", "bigcommerce_pay"):
            importlib.reload(importlib.import_module(f"functions.{name}.app"))
        yield world


def waiting(world: Shop, **how: Any) -> Json:
    """Have an order that is known here and that nobody began to pay."""
    world.hook()
    order = world.make("order", **how)
    assert set(world.deliver()) == {200}
    world.run("poll", 10)
    return order


def told(world: Shop, order: Json) -> list[Json]:
    """Return what the bus would be told of an order's waiting, in its form."""
    rows = [item for item in world.cloud.table() if "emits" in item and item["pk"]["S"].endswith(f"#{order['id']}")]
    found = []
    for row in rows:
        if EVENT in [one["S"] for one in row["emits"]["L"]]:
            event_id = row["sk"]["S"].removeprefix("EVENT#")
            key = world.key(order)
            detail = {"id": f"{EVENT}.{event_id}", "platform": key.platform, "account": key.account}
            found.append(detail | {"order_id": key.order_id, "version": int(row["version"]["N"]), "event_id": event_id})
    return found


def notify(world: Shop, order: Json) -> None:
    for detail in told(world, order):
        world.cloud.invoke("notify", shapes.bus(EVENT, detail, world.now))


def mails() -> list[tuple[str, str, str]]:
    sent = sesv2_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].core_backend.sent_messages
    return [(mail.destinations["ToAddresses"][0], mail.subject, mail.body) for mail in sent]


def links(world: Shop) -> PaymentLinks:
    return PaymentLinks(world.cloud.dynamodb, "Orders", "Idempotency")


def notices(world: Shop, order: Json) -> list[tuple[str, str, str]]:
    key = world.key(order)
    names = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
    answer = world.cloud.invoke("orders_api", http_event("GET", "/orders/{platform}/{account}/{order_id}", names))
    content = json.loads(answer["body"])
    return [(one["name"], one["status"], one["reason"]) for one in content["notices"]]


def test_who_has_not_paid_is_mailed_a_link_that_opens_once_in_the_orders_life(made: Shop) -> None:
    order = waiting(made)
    made.run("poll", 600)
    assert told(made, order) == []
    made.run("poll", 1200)
    for _ in range(3):
        notify(made, order)
        made.run("poll", HOUR)

    ((to, subject, text),) = mails()
    assert to == "jane@example.com"
    assert subject == f"Your order {order['id']} at shop.example.com waits for its payment"
    assert "$69.84" in text
    token = text.partition("/pay/")[2][:64]
    assert f"https://pay.example.com/bigcommerce/{APP}/pay/{token}" in text
    page = http_event("GET", "/bigcommerce/{app}/pay/{token}", {"app": APP, "token": token})
    page["requestContext"]["http"]["sourceIp"] = "203.0.113.9"
    assert "Pay now" in made.cloud.invoke("bigcommerce_pay", page)["body"]
    assert not [row for row in made.rows() if "jane@example.com" in row or token in row]


def test_by_default_nobody_is_written_to(world: Shop) -> None:
    order = waiting(world)
    for _ in range(4):
        world.run("poll", HOUR)
    assert told(world, order) == []


@pytest.mark.parametrize("made", [{**MAIL, "enabled": False}], indirect=True)
def test_switched_off_nobody_is_written_to(made: Shop) -> None:
    order = waiting(made)
    for _ in range(4):
        made.run("poll", HOUR)
    assert told(made, order) == []


def test_while_a_payment_is_open_nobody_is_written_to_and_after_its_end_she_is(made: Shop) -> None:
    order, _ = made.start()
    made.run("poll", 1850)
    assert told(made, order) == []
    made.hosted.work("poll", 60)
    made.run("poll", HOUR)

    assert len(told(made, order)) == 1


@pytest.mark.parametrize("how", ["paid", "cancelled", "being paid", "paid at the store's desk", "removed"])
def test_what_happened_between_the_note_and_the_mail_counts(made: Shop, how: str) -> None:
    order = waiting(made)
    made.run("poll", HOUR)
    assert len(told(made, order)) == 1
    match how:
        case "paid":
            assert made.ask(order)[0] == 200
            made.pay(order)
            made.told(order)
        case "cancelled":
            made.make("move", id=order["id"], status_id=CANCELLED)
        case "being paid":
            assert made.ask(order)[0] == 200
        case "paid at the store's desk":
            made.make("move", id=order["id"], status_id=FULFILLMENT)
        case "removed":
            made.cloud.secretsmanager.delete_secret(
                SecretId=f"countersign/test/bigcommerce/{APP}/{STORE}", ForceDeleteWithoutRecovery=True
            )
            importlib.reload(importlib.import_module("functions.notify.app"))
    notify(made, order)

    assert mails() == []
    assert not links(made).lives(made.key(order), now=made.now)


def test_a_link_that_somebody_has_is_not_ended_by_a_mail(made: Shop) -> None:
    order = waiting(made)
    made.run("poll", HOUR)
    key, until = made.key(order), made.now + HOUR
    token, link = links(made).make(key, APP, Who("anna"), expires_at=until, now=made.now)
    notify(made, order)

    assert mails() == []
    assert links(made).find(token, now=made.now) == link
    assert notices(made, order) == [("payment_link_mail", "skipped", "a payment link of it was made already")]


def test_a_mail_that_had_no_answer_is_sent_again_with_a_link_that_opens(
    made: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = waiting(made)
    made.run("poll", HOUR)
    module = importlib.import_module("countersign.notices.channels.email")
    post, lost = module.post, ["once"]

    def answer(client: Any, **mail: Any) -> Any:
        made_outcome = post(client, **mail)
        return module.Outcome("again", "SES does not answer") if lost and lost.pop() else made_outcome

    monkeypatch.setattr(module, "post", answer)
    notify(made, order)
    made.cloud.clock.shift(61)
    made.cloud.invoke("notify", shapes.schedule("EveryMinute", 0))

    tokens = [text.partition("/pay/")[2][:64] for _, _, text in mails()]
    assert [links(made).find(token, now=made.now) is not None for token in tokens] == [False, True]
    assert [status for _, status, _ in notices(made, order)] == ["sent"]


def test_an_order_without_an_address_is_listed_and_makes_no_link(made: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = waiting(made)
    made.run("poll", HOUR)
    shown = Order.to_json
    monkeypatch.setattr(Order, "to_json", lambda self: shown(self) | {"billing_address": {"email": "a@b,c@d"}})
    notify(made, order)

    assert mails() == []
    (notice,) = notices(made, order)
    assert notice == ("payment_link_mail", "failed", "the store has no e-mail address of the shopper")
    assert not links(made).lives(made.key(order), now=made.now)


def test_staff_can_send_a_link_of_an_order_that_nobody_began_to_pay(made: Shop) -> None:
    """What the question about such an order says to do."""
    order = waiting(made)
    made.run("poll", HOUR)
    key = made.key(order)
    assert [one.reason for one in made.order(order).review_items] == ["payment_never_begun"]
    names = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
    route = "/orders/{platform}/{account}/{order_id}/payment-link"
    answer = made.cloud.invoke("merchant_api", http_event("POST", route, names, body="{}"))

    assert answer["statusCode"] == 201, answer
    token = json.loads(answer["body"])["url"].rpartition("/")[2]
    page = http_event("GET", "/bigcommerce/{app}/pay/{token}", {"app": APP, "token": token})
    page["requestContext"]["http"]["sourceIp"] = "203.0.113.9"
    assert "Pay now" in made.cloud.invoke("bigcommerce_pay", page)["body"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"from": "nobody"}, "from"), ({"language": "fr"}, "language"), ({"enabled": "yes"}, "enabled")],
)
def test_a_part_that_is_wrong_says_so_and_nobody_is_written_to(wrong: Json, reason: str) -> None:
    found = settings.load({"payment_link_mail": {**MAIL, **wrong}}, platform="bigcommerce")

    assert payment_link_mail.FIELD not in found.by_name
    assert reason in found.warnings[0]


@pytest.mark.parametrize("after", [None, 59, "1800", True, 2_592_001])
def test_a_time_that_is_none_is_named(after: object) -> None:
    with pytest.raises(KeysUnavailableError, match="after"):
        app_settings.load(app_document(payment_link_mail={**MAIL, "after": after}))
