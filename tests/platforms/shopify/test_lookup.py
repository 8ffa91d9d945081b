"""People find a shop's order by what it says of its customer, where the account wants that; erasing ends it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.platforms.shopify import settings
from countersign.runtime import lookup_keys
from countersign.signing.lookups import fingerprints
from countersign.store import lookups
from tests.platforms.shopify.world import APP, ORDER, SHOP, Shopify, documents, order, shopify

KEY = "k" * 32
PHONE = "+8613800138000"


@pytest.fixture
def looking(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
    monkeypatch.setattr(lookup_keys, "_kept", [])
    with mock_aws(), shopify(clock, documents(lookup_from=["phone"])) as made:
        put_key(made)
        yield made


def put_key(world: Shopify) -> None:
    secret = json.dumps({"keys": [KEY]})
    world.cloud.secretsmanager.create_secret(Name="countersign/test/lookup/keys", SecretString=secret)


def found(world: Shopify, said: str) -> list[str]:
    marks = fingerprints([KEY.encode()], "shopify", SHOP, said)
    return [key.order_id for key in lookups.orders(world.cloud.dynamodb, "Orders", "shopify", SHOP, marks)]


def marked(world: Shopify) -> list[Any]:
    return [row for row in world.cloud.table() if row["pk"]["S"].startswith("LOOKUP#")]


def test_an_order_is_found_by_any_phone_number_that_it_has_and_by_nothing_that_is_not_wanted(looking: Shopify) -> None:
    said = {"customer": {"phone": "138 0013 8000", "email": "zoe@example.com"}, "email": "zoe@example.com"}
    looking.deliver(order(phone=None, shipping_address={"phone": "+4930123456"}, **said))
    looking.deliver(order(phone=None, shipping_address={"phone": "+4930123456"}, note="later", **said))

    assert found(looking, PHONE) == found(looking, "+49 30 123456") == [ORDER]
    assert found(looking, "zoe@example.com") == []
    assert len(marked(looking)) == 2
    assert "4930123456" not in str([row for row in looking.cloud.table() if "raw" not in row])


def test_nothing_is_found_where_the_account_does_not_want_it(world: Shopify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_keys, "_kept", [])
    put_key(world)
    world.deliver(order(phone=PHONE))

    assert world.order().status == "paid"
    assert marked(world) == []


def test_without_keys_the_order_is_recorded_all_the_same(looking: Shopify, capsys: pytest.CaptureFixture[str]) -> None:
    looking.cloud.secretsmanager.delete_secret(SecretId="countersign/test/lookup/keys", ForceDeleteWithoutRecovery=True)

    assert looking.deliver(order(phone=PHONE)) == 200
    assert looking.order().status == "paid"
    assert marked(looking) == []
    logged = capsys.readouterr().out
    assert '"LookupLost":1' in logged
    assert "13800138000" not in logged


@pytest.mark.parametrize(
    "odd", [{"phone": 7}, {"phone": ["1"]}, {"customer": "zoe"}, {"phone": "7" * 65}, {"phone": " "}]
)
def test_what_is_no_phone_number_is_left(looking: Shopify, odd: dict[str, Any]) -> None:
    assert looking.deliver(order(**odd)) == 200
    assert marked(looking) == []


def test_what_another_shop_may_have_sent_leads_to_no_order(looking: Shopify) -> None:
    looking.deliver(order(phone=PHONE, order_status_url="https://x/orders/1"))

    assert marked(looking) == []


def test_who_is_erased_is_not_found_any_more_and_a_late_delivery_does_not_change_that(looking: Shopify) -> None:
    looking.deliver(order(phone=PHONE))
    assert found(looking, PHONE) == [ORDER]
    named = {"customer": {"phone": PHONE}, "orders_to_redact": [int(ORDER)]}
    looking.deliver({"shop_id": 70011223344, "shop_domain": SHOP, **named}, "customers/redact")
    looking.run("guard")
    assert found(looking, PHONE) == []
    looking.deliver(order(phone=PHONE, note="late"))

    assert found(looking, PHONE) == []


def test_a_field_that_nobody_knows_is_told_of_and_ignored() -> None:
    app = settings.load(documents(lookup_from=["phone", "shoe size"])[APP])

    assert app.lookup_from == frozenset()
    assert app.warnings == ("lookup_from holds something else than email, phone: it is not used",)
