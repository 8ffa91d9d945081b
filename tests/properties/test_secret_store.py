"""Secrets Manager does not answer: what is loaded is used for a while; what is not answers 503, never 401."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from countersign import accounts
from countersign.accounts import FRESH_SECONDS, STALE_SECONDS, Accounts
from countersign.platforms.wechat import settings
from tests.functions.conftest import NOW, Cloud
from tests.functions.test_create_payment import create, order
from tests.properties.support import Event, notify_event, paid_notice, table_of

FAULTS = [
    EndpointConnectionError(endpoint_url="https://secretsmanager"),
    ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue"),
    ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue"),
    ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"),
]


class Switch:
    """Secrets Manager with a plug, and a container of which it is known how long it runs."""

    def __init__(self, real: Callable[[str], Any]) -> None:
        self.real = real
        self.fault: Exception | None = None
        self.running = 0.0
        self.asked = 0

    def client(self, service: str) -> Any:
        return SimpleNamespace(get_secret_value=self.read) if service == "secretsmanager" else self.real(service)

    def read(self, **wanted: Any) -> Any:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.real("secretsmanager").get_secret_value(**wanted)


@pytest.fixture
def secrets(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Switch:
    assert create(cloud, order_id="EV-secret")[0] == 201
    switch = Switch(accounts.aws.client)
    monkeypatch.setattr(accounts, "aws", SimpleNamespace(client=switch.client))
    monkeypatch.setattr(accounts, "time", SimpleNamespace(monotonic=lambda: switch.running))
    monkeypatch.setattr(cloud.module("wechat_notify"), "accounts", Accounts("wechat", settings.load))
    return switch


def status(cloud: Cloud, event: Event | None = None) -> int:
    return int(cloud.invoke("wechat_notify", event or paid_notice("EV-secret", NOW))["statusCode"])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_E10_a_cold_container_answers_503_to_everybody_and_recovers(cloud: Cloud, secrets: Switch, fault: Exception):
    before = table_of(cloud)
    secrets.fault = fault

    assert status(cloud) == 503
    assert status(cloud, notify_event(b"{}")) == 503  # whether it is genuine cannot be known
    assert table_of(cloud) == before

    secrets.fault = None
    assert status(cloud) == 204
    assert order(cloud, "EV-secret").status == "paid"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_E10_a_warm_container_goes_on_with_what_it_has_up_to_its_limit(cloud: Cloud, secrets: Switch, fault: Exception):
    assert status(cloud) == 204
    secrets.fault = fault

    for running in (FRESH_SECONDS - 1, FRESH_SECONDS + 1, STALE_SECONDS - 1):
        secrets.running = running
        assert status(cloud) == 204
        assert status(cloud, notify_event(b"{}")) == 401

    secrets.running = STALE_SECONDS + 1
    assert status(cloud) == 503
    secrets.fault = None
    assert status(cloud) == 204


def test_E10_other_accounts_do_not_suffer_and_a_fresh_one_is_not_read_again(cloud: Cloud, secrets: Switch):
    status(cloud)
    for _ in range(20):
        status(cloud)
    assert secrets.asked == 1

    secrets.fault = FAULTS[0]
    classic = {**notify_event(b"<xml></xml>"), "pathParameters": {"account": "classic"}}
    assert status(cloud, classic) == 503
    assert status(cloud) == 204
