"""Creating payments: again, with other terms, in place of another order, and once for each Idempotency-Key."""

import json
from typing import Any

import pytest

from countersign.orders.changes import OrderKey
from countersign.store import OrderStore
from tests.functions.conftest import NOW, Cloud, http_event
from tests.functions.test_events import FOLDER

BODY: dict[str, Any] = {
    "order_id": "ORDER-0001",
    "amount": {"minor": 8800, "currency": "CNY"},
    "description": "两杯茶",
    "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    "client_ip": "203.0.113.7",
}


def create(
    cloud: Cloud, account: str = "shop", key: str = "", claims: dict[str, str] | None = None, **changed: Any
) -> Any:
    headers = {"idempotency-key": key} if key else {}
    event = http_event(
        "POST",
        "/wechat/{account}/payments",
        {"account": account},
        body=json.dumps(BODY | changed),
        headers=headers,
        claims=claims or {},
    )
    answer = cloud.invoke("wechat_create_payment", event)
    return answer["statusCode"], json.loads(answer["body"])


def order(cloud: Cloud, order_id: str = "ORDER-0001", account: str = "shop") -> Any:
    return OrderStore(cloud.dynamodb, "Orders").get(OrderKey("wechat", account, order_id))


def pay(cloud: Cloud, order_id: str = "ORDER-0001", account: str = "shop") -> None:
    status, _ = cloud.wechat.simulator.control("pay", {"account": account, "out_trade_no": order_id, "notify": False})
    assert status == 200


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_a_new_order_answers_201_with_exactly_the_front_ends_parameters(cloud, account):
    status, answer = create(cloud, account)

    assert status == 201
    assert set(answer["client"]) == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert answer["order"]["status"] == "pending"
    assert answer["order"]["amount"] == {"minor": 8800, "currency": "CNY"}


def test_the_same_order_again_is_200_with_fresh_parameters_and_no_new_version(cloud):
    _, first = create(cloud)
    cloud.clock.shift(60)

    status, second = create(cloud)

    assert status == 200
    assert second["client"]["timeStamp"] != first["client"]["timeStamp"]
    assert second["order"]["version"] == first["order"]["version"]


@pytest.mark.parametrize(
    "changed",
    [{"amount": {"minor": 8801, "currency": "CNY"}}, {"description": "other"}, {"payer": {"openid": "oOther"}}],
)
def test_the_same_number_with_other_terms_is_409(cloud, changed):
    create(cloud)

    status, answer = create(cloud, **changed)

    assert status == 409
    assert "other terms" in answer["title"]
    assert order(cloud).version == 2


def test_a_paid_order_cannot_be_created_again(cloud):
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})

    status, answer = create(cloud)

    assert (status, order(cloud).status) == (409, "paid")
    assert "paid" in answer["title"]


def test_wechat_saying_that_the_order_is_paid_is_409_and_a_query_is_due(cloud):
    create(cloud)
    pay(cloud)

    status, _ = create(cloud)

    assert status == 409
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})
    assert order(cloud).status == "paid"


def test_a_new_order_in_place_of_another_asks_for_the_old_one_to_be_closed(cloud):
    create(cloud)

    status, _ = create(cloud, order_id="ORDER-0002", replaces="ORDER-0001", amount={"minor": 9900, "currency": "CNY"})

    assert status == 201
    cloud.clock.shift(301)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})
    assert order(cloud).status == "closed"
    assert order(cloud, "ORDER-0002").status == "pending"


def test_an_order_that_was_paid_meanwhile_is_not_replaced(cloud):
    create(cloud)
    pay(cloud)

    status, _ = create(cloud, order_id="ORDER-0002", replaces="ORDER-0001")

    assert status == 409
    assert order(cloud).status == "paid"
    assert order(cloud, "ORDER-0002") is None


def test_replacing_an_order_that_does_not_exist_is_422(cloud):
    status, _ = create(cloud, replaces="NOBODY-1")

    assert status == 422
    assert order(cloud) is None


def test_G5_the_same_idempotency_key_replays_the_same_answer_and_another_body_is_422(cloud):
    first = create(cloud, key="k-1")
    calls = len(cloud.wechat.sent)
    cloud.clock.shift(30)

    assert create(cloud, key="k-1") == first
    assert len(cloud.wechat.sent) == calls

    status, _ = create(cloud, key="k-1", description="other")
    assert status == 422


def test_an_idempotency_key_belongs_to_its_caller(cloud):
    create(cloud, key="k-1")

    status, _ = create(cloud, key="k-1", claims={"sub": "ben"})

    assert status == 200


def test_a_failed_call_is_not_replayed(cloud):
    cloud.wechat.simulator.faults({"error500": 1})
    status, _ = create(cloud, key="k-1")
    assert status == 502

    status, _ = create(cloud, key="k-1")
    assert status == 200


def test_an_answer_that_cannot_be_verified_is_an_unknown_outcome_and_the_order_stays(cloud):
    cloud.wechat.simulator.faults({"forged_response": 1})

    status, answer = create(cloud)

    assert status == 502
    assert order(cloud).status == "created"
    assert answer["status"] == 502


def test_a_token_for_other_accounts_sees_404(cloud):
    status, _ = create(cloud, claims={"accounts": "[wechat/other]"})

    assert status == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": {"minor": True, "currency": "CNY"}}, "amount.minor"),
        ({"amount": {"minor": 88.0, "currency": "CNY"}}, "amount.minor"),
        ({"amount": {"minor": "100", "currency": "CNY"}}, "amount.minor"),
        ({"amount": {"minor": 0, "currency": "CNY"}}, "amount.minor"),
        ({"amount": {"minor": 100, "currency": "USD"}}, "amount.currency"),
        ({"order_id": "short"}, "body"),
        ({"order_id": "ORDER 0001"}, "body"),
        ({"description": ""}, "description"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_C9_a_body_that_does_not_fit_is_400_and_names_the_field(cloud, changed, field):
    status, answer = create(cloud, **changed)

    assert status == 400
    assert field in answer["title"]
    assert order(cloud) is None


@pytest.mark.parametrize(
    ("changed", "needed"),
    [
        ({"payer": {}}, "payer.openid"),
        ({"method": "h5"}, "h5.type"),
        ({"appid": "wx0000000000000000"}, "appid"),
        ({"expires_at": "2026-11-22T06:27:30Z"}, "expires_at"),
    ],
)
def test_what_wechat_needs_and_nobody_gives_is_422_and_is_named(cloud, changed, needed):
    status, answer = create(cloud, **changed)

    assert status == 422
    assert needed in answer["title"]
    assert order(cloud) is None


def test_the_expiry_asked_for_is_kept(cloud):
    _, answer = create(cloud, expires_at="2026-11-22T15:00:00+08:00")

    assert answer["order"]["expires_at"] == "2026-11-22T07:00:00Z"
    assert order(cloud).terms.expires_at > NOW


def test_an_orphaned_payment_is_attached_when_its_order_is_created(cloud):
    event = json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text())
    cloud.invoke("wechat_notify", event)

    create(cloud, order_id="EV-paid-v3")

    assert order(cloud, "EV-paid-v3").status == "paid"
