"""Recording a shipment over the merchant API."""

import json
from typing import Any

import pytest

from tests.functions.conftest import FOLDER
from tests.functions.test_create_payment import create
from tests.functions.test_orders_api import ORDER, call

BOUGHT = "EV-paid-v3"
ROUTE = f"{ORDER}/shipments"
PARCEL = {"tracking_no": "SF1234567890", "carrier": "SF"}


def ship(cloud: Any, body: Any, order_id: str = BOUGHT, **members: Any) -> Any:
    return call(cloud, "POST", ROUTE, order_id, body=json.dumps(body), **members)


def bought(cloud: Any) -> None:
    create(cloud, order_id=BOUGHT)
    cloud.invoke("wechat_notify", json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text()))


def test_a_parcel_is_recorded_and_due_at_the_worker(cloud):
    bought(cloud)

    status, answer = ship(cloud, PARCEL)

    assert (status, answer["status"], answer["complete"]) == (201, "recorded", True)
    assert answer["parcels"] == [{"carrier": "SF", "tracking_no": "SF1234567890", "description": "两杯茶", "goods": []}]
    shown = call(cloud, "GET", ORDER, BOUGHT)[1]
    assert [row["shipment_id"] for row in shown["shipments"]] == [answer["shipment_id"]]
    rows = [row for row in cloud.table() if row["sk"]["S"].startswith("SHIPMENT#")]
    assert [row["due_shard"]["S"].split("#")[0] for row in rows] == ["wechat_ship"]


def test_blanks_and_line_breaks_around_a_number_are_not_a_part_of_it(cloud):
    bought(cloud)

    status, answer = ship(cloud, {"carrier": "\u3000SF ", "tracking_no": "\ufeff SF1234567890\r\n"})

    assert (status, answer["parcels"][0]["carrier"], answer["parcels"][0]["tracking_no"]) == (201, "SF", "SF1234567890")
    assert ship(cloud, {"carrier": " \u00a0", "tracking_no": "SF1"})[0] == 422


def test_the_same_key_is_the_same_shipment_and_another_wish_under_it_is_refused(cloud):
    bought(cloud)
    key = {"idempotency-key": "parcel-1"}

    first, again = ship(cloud, PARCEL, headers=key), ship(cloud, PARCEL, headers=key)
    other = ship(cloud, {**PARCEL, "tracking_no": "SF2"}, headers=key)

    assert first == again
    assert (first[0], other[0]) == (201, 422)


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"tracking_no": "SF1"}, 422, "carrier"),
        ({}, 422, "tracking_no"),
        ({"method": "local", "parcels": [{}, {}]}, 422, "express"),
        ({"method": "pigeon"}, 400, "method"),
        ({**PARCEL, "contact": "Anna"}, 400, "contact"),
        ({**PARCEL, "secret": "x"}, 400, "secret"),
    ],
)
def test_what_is_missing_or_wrong_is_named(cloud, body, status, named):
    bought(cloud)

    answered, problem = ship(cloud, body)

    assert answered == status
    assert named in json.dumps(problem)


def test_an_unpaid_order_is_not_shipped(cloud):
    create(cloud)

    assert ship(cloud, PARCEL, order_id="ORDER-0001")[0] == 409
    assert ship(cloud, PARCEL, order_id="NOBODYS-1")[0] == 404


def test_of_a_phone_number_only_the_ends_are_kept(cloud):
    bought(cloud)

    assert ship(cloud, {**PARCEL, "contact": "18912341234"})[0] == 201

    kept = json.dumps(cloud.table(), default=repr)
    assert "189****1234" in kept
    assert "18912341234" not in kept
