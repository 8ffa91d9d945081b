"""People find a charge by what it says of its customer, where the account wants that."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from countersign.runtime import lookup_keys
from countersign.signing.lookups import fingerprints
from countersign.store import lookups
from tests.platforms.recharge.world import Recharge, document, recharge

KEY = "k" * 32


@pytest.fixture
def looking(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recharge]:
    monkeypatch.setattr(lookup_keys, "_kept", [])
    older = document(api_token="sk_1x1_token_of_the_older", api_version="2021-01", currency="USD")
    documents = {name: one | {"lookup_from": ["email"]} for name, one in (("store", document()), ("older", older))}
    with mock_aws(), recharge(clock, tmp_path, documents) as made:
        secret = json.dumps({"keys": [KEY]})
        made.cloud.secretsmanager.create_secret(Name="countersign/test/lookup/keys", SecretString=secret)
        yield made


@pytest.mark.parametrize(("account", "version"), [("store", "2021-11"), ("older", "2021-01")])
def test_a_charge_is_found_by_its_customers_email(looking: Recharge, account: str, version: str) -> None:
    looking.subscribe_all(account, version)
    charge = looking.make("charge", account, will="CARD_DECLINED", attempt=True, email="Zoe@example.com")
    assert set(looking.deliver()) == {200}

    marks = fingerprints([KEY.encode()], "recharge", account, "zoe@EXAMPLE.com")
    rows = lookups.orders(looking.cloud.dynamodb, "Orders", "recharge", account, marks)
    assert [key.order_id for key in rows] == [str(charge["id"])]
