"""Who hears of a charge: staff by the account's notices, the customer where the merchant wants that."""

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

from countersign.notices import dunning_mail, settings
from sandbox.events import shapes
from tests.functions.conftest import aws
from tests.platforms.recharge.world import DAY, Recharge, document, recharge

SENDER = "billing@shop.example.com"
STAFF = {
    "failed": {
        "channel": "email",
        "on": ["charge.failed", "charge.recovered"],
        "to": ["staff@shop.example.com"],
        "from": SENDER,
        "subject": "{event} {order_id}",
        "text": "{items} {group} {error_type} {attempts} {note} {customer_id} {shop_customer_id} {amount}",
    }
}
DUNNING = {"enabled": True, "from": SENDER, "language": "en", "portal": "https://shop.example.com/portal/{hash}"}


@pytest.fixture
def world(clock: time_machine.Traveller, tmp_path: Path) -> Iterator[Recharge]:
    documents = {
        "store": document(notices=STAFF, dunning_mail=DUNNING),
        "chinese": document(
            api_token="sk_1x1_token_of_chinese", dunning_mail={**DUNNING, "language": "zh", "portal": ""}
        ),
        "quiet": document(api_token="sk_1x1_token_of_the_quiet", dunning_mail={**DUNNING, "enabled": False}),
    }
    with mock_aws(), recharge(clock, tmp_path, documents) as made:
        aws("sesv2").create_email_identity(EmailIdentity="shop.example.com")
        sesv2_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].core_backend.sent_messages.clear()
        importlib.reload(importlib.import_module("functions.notify.app"))
        for account in documents:
            made.subscribe_all(account)
        yield made


def tell(world: Recharge, charge_id: int, kind: str, account: str = "store") -> None:
    """Have the bus tell of an event of a charge, as the publisher would."""
    rows = [item for item in world.cloud.table() if "emits" in item and item["pk"]["S"].endswith(f"#{charge_id}")]
    rows.sort(key=lambda item: int(item["version"]["N"]))
    for row in rows:
        if kind in [one["S"] for one in row["emits"]["L"]]:
            event_id = row["sk"]["S"].removeprefix("EVENT#")
            detail = {
                "id": f"{kind}.{event_id}",
                "platform": "recharge",
                "account": account,
                "order_id": str(charge_id),
            }
            detail |= {"version": int(row["version"]["N"]), "event_id": event_id}  # type: ignore[dict-item]
            world.cloud.invoke("notify", shapes.bus(kind, detail, world.now))


def mails() -> list[tuple[str, str]]:
    """Return to whom went which text."""
    sent = sesv2_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].core_backend.sent_messages
    return [(mail.destinations["ToAddresses"][0], f"{mail.subject}\n{mail.body}") for mail in sent]


def to(address: str) -> list[str]:
    return [text for known, text in mails() if known == address]


def failed(world: Recharge, account: str = "store", **how: Any) -> int:
    charge = world.make("charge", account, **{"will": "CARD_DECLINED", "attempt": True, "note": "door 5", **how})
    assert world.deliver() == [200]
    return int(charge["id"])


def test_staff_hear_with_the_note_the_product_and_both_customer_ids(world: Recharge) -> None:
    number = failed(world)
    tell(world, number, "charge.failed")

    (text,) = to("staff@shop.example.com")
    customer = world.shown(number)["charge"]["customer_id"]
    assert text.splitlines() == [
        f"charge.failed {number}",
        f"Monthly beans x1 customer_must_act CARD_DECLINED 1 door 5 {customer} 7711000000001 $24.00",
    ]


def test_told_again_by_the_bus_nobody_hears_twice(world: Recharge) -> None:
    number = failed(world)
    for _ in range(3):
        tell(world, number, "charge.failed")

    assert len(to("staff@shop.example.com")) == len(to("ana@example.com")) == 1


def test_the_customer_is_written_to_with_the_page_where_the_card_is_renewed(world: Recharge) -> None:
    tell(world, failed(world), "charge.failed")

    (text,) = to("ana@example.com")
    assert text.startswith("Your payment for Monthly beans x1 did not go through\nHello,")
    assert "$24.00" in text
    assert "https://shop.example.com/portal/" in text
    assert "{" not in text
    assert "We will try again on 2026-11-23 14:00." in text


def test_in_chinese_and_without_a_page(world: Recharge) -> None:
    tell(world, failed(world, "chinese"), "charge.failed", "chinese")

    (text,) = to("ana@example.com")
    assert "扣款" in text
    assert "或回复此邮件" in text


def test_nobody_is_written_to_where_it_is_not_switched_on(world: Recharge) -> None:
    tell(world, failed(world, "quiet"), "charge.failed", "quiet")

    assert mails() == []


@pytest.mark.parametrize("will", ["INSUFFICIENT_FUNDS", "VARIANT_DOES_NOT_EXIST", "ERROR_OF_NEXT_YEAR"])
def test_the_customer_hears_only_of_what_he_can_do_something_about(world: Recharge, will: str) -> None:
    tell(world, failed(world, will=will), "charge.failed")

    assert to("ana@example.com") == []
    assert len(to("staff@shop.example.com")) == 1


@pytest.mark.parametrize("told", [True, False])
def test_never_after_success_whether_or_not_anybody_told_of_it(world: Recharge, told: bool) -> None:
    number = failed(world)
    world.make("attempt", charge_id=number, will="")
    if told:
        assert world.deliver() == [200]
    tell(world, number, "charge.failed")

    assert to("ana@example.com") == []


def test_of_a_try_that_another_one_followed_nobody_is_written_to(world: Recharge) -> None:
    number = failed(world)
    world.cloud.clock.shift(DAY)
    world.make("attempt", charge_id=number)
    assert world.deliver() == [200]
    tell(world, number, "charge.failed")

    assert len(to("ana@example.com")) == 1


def test_the_address_is_in_no_row_and_no_log(world: Recharge, capsys: pytest.CaptureFixture[str]) -> None:
    number = failed(world, email="canary@example.com", shop_customer="77")
    tell(world, number, "charge.failed")

    assert len(to("canary@example.com")) == 1
    assert "canary" not in capsys.readouterr().out
    rows = [{name: value for name, value in item.items() if name != "raw"} for item in world.cloud.table()]
    assert "canary" not in json.dumps(rows, default=str)


@pytest.mark.parametrize(
    "entry",
    [
        "yes",
        {"enabled": "yes"},
        {"enabled": True},
        {"enabled": True, "from": "nobody"},
        {"enabled": True, "from": SENDER, "language": "fr"},
        {"enabled": True, "from": SENDER, "portal": "http://shop.example.com"},
        {"enabled": True, "from": SENDER, "portal": "https://shop.example.com/{name}"},
    ],
)
def test_a_mistake_in_the_document_writes_to_nobody_and_is_named(entry: Any) -> None:
    found = settings.load({"dunning_mail": entry}, platform="recharge")
    assert dunning_mail.FIELD not in found.by_name
    assert "dunning_mail" in found.warnings[0]
