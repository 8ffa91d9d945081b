"""Creating payments: again, with other terms, in place of another order, and once for each Idempotency-Key."""

import json
from typing import Any

import pytest

from countersign.orders.changes import OrderKey
from countersign.platforms.wechat import xml
from countersign.store import OrderStore
from tests.functions.conftest import FOLDER, NOW, Cloud, http_event

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
        body=json.dumps({name: value for name, value in (BODY | changed).items() if value is not None}),
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
    assert "other terms" in answer["detail"]
    assert f"{next(iter(changed))} " in answer["detail"].partition("(pending): ")[2]
    assert order(cloud).version == 2


def test_a_paid_order_cannot_be_created_again(cloud):
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})

    status, answer = create(cloud)

    assert (status, order(cloud).status) == (409, "paid")
    assert "paid" in answer["detail"]


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
        ({"description": "tea\x01"}, "description"),
        ({"description": "tea\r\ncake"}, "description"),
        ({"items": [{"sku_id": "1", "title": "\x1btea", "price": 1, "quantity": 1}]}, "items.0.title"),
        ({"metadata": {"remark": "a\x00b"}}, "metadata.remark"),
        ({"metadata": {"re\x7fmark": "ab"}}, "a name in metadata"),
        ({"payer": {"login_code": "a\u2028b"}}, "payer.login_code"),
    ],
)
def test_C9_a_body_that_does_not_fit_is_400_and_names_the_field(cloud, changed, field):
    status, answer = create(cloud, **changed)

    assert status == 400
    assert field in answer["detail"]
    assert order(cloud) is None


@pytest.mark.parametrize(
    ("changed", "needed"),
    [
        ({"payer": {}}, "payer.openid"),
        ({"method": "h5"}, "h5.type"),
        ({"method": "h5", "h5": {"type": "Wap"}, "client_ip": None}, "client_ip"),
        ({"appid": "wx0000000000000000"}, "appid"),
        ({"expires_at": "2026-11-22T06:27:30Z"}, "expires_at"),
    ],
)
def test_what_wechat_needs_and_nobody_gives_is_422_and_is_named(cloud, changed, needed):
    status, answer = create(cloud, **changed)

    assert status == 422
    assert needed in answer["detail"]
    assert order(cloud) is None
    assert cloud.wechat.sent == []


def test_a_remark_of_several_lines_is_taken(cloud):
    assert create(cloud, metadata={"remark": "no sugar\nno ice"})[0] == 201


class Told:
    """What WeChat was told, and what it says where something else than the simulator shall answer."""

    def __init__(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        self.simulator, self.bodies = cloud.wechat.simulator, []
        self.handle = self.simulator.handle
        monkeypatch.setattr(self.simulator, "handle", self._handle)

    def _handle(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Any:
        self.bodies.append(body)
        return self.handle(method, path, query, headers, body)

    @property
    def last(self) -> Any:
        body = self.bodies[-1]
        return xml.read(body) if body.startswith(b"<") else json.loads(body)


@pytest.fixture
def told(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(cloud, monkeypatch)


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_the_callers_address_is_never_taken_for_that_of_an_h5_payer(cloud, told, account):
    h5 = {"method": "h5", "h5": {"type": "Wap"}, "payer": {}}

    status, answer = create(cloud, account, **h5, client_ip=None)
    assert (status, "client_ip" in answer["detail"], told.bodies) == (422, True, [])

    assert create(cloud, account, **h5)[0] == 201
    assert b"203.0.113.7" in told.bodies[-1]


def test_a_payers_address_that_nobody_gave_is_not_made_up(cloud, told):
    assert create(cloud, client_ip=None)[0] == 201

    assert "scene_info" not in told.last


def test_api_v2_is_told_the_calling_machine_where_the_payer_needs_no_browser(cloud, told):
    assert create(cloud, "classic", client_ip=None)[0] == 201

    assert told.last["spbill_create_ip"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("h5", "scene"),
    [
        ({"type": "Wap"}, {"type": "Wap", "wap_url": "https://pay.example.com", "wap_name": "两杯茶"}),
        (
            {"type": "Wap", "app_name": "茶店", "app_url": "https://tea.example.com"},
            {"type": "Wap", "wap_url": "https://tea.example.com", "wap_name": "茶店"},
        ),
        (
            {"type": "iOS", "app_name": "茶店", "bundle_id": "com.example.tea"},
            {"type": "IOS", "app_name": "茶店", "bundle_id": "com.example.tea"},
        ),
        (
            {"type": "Android", "app_name": "茶店", "package_name": "com.example.tea"},
            {"type": "Android", "app_name": "茶店", "package_name": "com.example.tea"},
        ),
    ],
)
def test_api_v2_hears_in_its_own_words_where_an_h5_payment_starts(cloud, told, h5, scene):
    assert create(cloud, "classic", method="h5", h5=h5, payer={})[0] == 201

    assert json.loads(told.last["scene_info"]) == {"h5_info": scene}


REFUSED = {"expires_at": "2027-11-22T15:00:00+08:00"}  # WeChat takes an order for 90 days at most
OTHER = {"description": "一杯茶", "amount": {"minor": 4400, "currency": "CNY"}}


def test_what_wechat_refuses_creates_nothing_so_other_terms_may_follow(cloud):
    assert create(cloud, **REFUSED)[0] == 422
    assert create(cloud, **REFUSED)[0] == 422

    status, answer = create(cloud, **OTHER)

    assert (status, answer["order"]["amount"]["minor"], answer["order"]["description"]) == (200, 4400, "一杯茶")
    assert answer["order"]["status"] == "pending"
    assert create(cloud, **OTHER)[0] == 200
    assert create(cloud)[0] == 409


@pytest.mark.parametrize("unknown_first", [True, False])
def test_other_terms_are_409_while_one_attempt_may_have_created_something(cloud, unknown_first):
    for is_unknown in (unknown_first, not unknown_first):
        cloud.wechat.simulator.faults({"error500": int(is_unknown)})
        assert create(cloud, **REFUSED)[0] == (502 if is_unknown else 422)

    status, answer = create(cloud, **REFUSED | OTHER)

    assert status == 409
    assert "amount, description differs" in answer["detail"]


def test_an_attempt_that_still_travels_keeps_the_terms_when_another_one_is_refused(cloud, monkeypatch):
    simulator = cloud.wechat.simulator
    handle, answers = simulator.handle, []

    def slow(*request: Any) -> Any:
        monkeypatch.setattr(simulator, "handle", handle)
        answers.append(create(cloud, **REFUSED)[0])  # the same order again, while the first call is on its way
        answers.append(create(cloud, **OTHER)[0])
        return handle(*request)

    monkeypatch.setattr(simulator, "handle", slow)

    assert create(cloud, **REFUSED)[0] == 422
    assert answers == [422, 409]
    assert create(cloud, **OTHER)[0] == 200


def test_a_second_replacement_is_409_and_names_the_newest(cloud):
    create(cloud)
    cloud.clock.shift(400)
    assert create(cloud, order_id="ORDER-0002", replaces="ORDER-0001")[0] == 201
    assert create(cloud, order_id="ORDER-0003", replaces="ORDER-0002")[0] == 201

    status, answer = create(cloud, order_id="ORDER-0004", replaces="ORDER-0001")

    assert (status, "ORDER-0003" in answer["detail"]) == (409, True)
    assert order(cloud, "ORDER-0004") is None


def test_a_replacement_that_is_created_again_is_the_same_order(cloud):
    create(cloud)
    assert create(cloud, order_id="ORDER-0002", replaces="ORDER-0001")[0] == 201

    assert create(cloud, order_id="ORDER-0002", replaces="ORDER-0001")[0] == 200


PARTNER = {
    "mchid": "1900099010",
    "sub_mchid": "1900099011",
    "appid": "wxa1b2c3d4e5f60777",
    "sub_appid": "wxb1b2c3d4e5f60999",
}


@pytest.mark.parametrize("appid", [None, PARTNER["sub_appid"]])
def test_a_service_provider_takes_a_payment_in_the_sub_merchants_own_app(cloud, told, appid):
    cloud.add_account("partner", "shop", **PARTNER)

    create(cloud, "partner", appid=appid)

    assert {name: told.last[name] for name in ("sp_appid", "sub_appid", "payer")} == {
        "sp_appid": PARTNER["appid"],
        "sub_appid": PARTNER["sub_appid"],
        "payer": {"sub_openid": BODY["payer"]["openid"]},
    }


def test_a_service_providers_own_app_is_still_named_by_the_call(cloud, told):
    cloud.add_account("partner-own", "shop", **PARTNER)

    create(cloud, "partner-own", appid=PARTNER["appid"])

    assert (told.last["sp_appid"], told.last["payer"]) == (
        PARTNER["appid"],
        {"sp_openid": BODY["payer"]["openid"]},
    )
    assert "sub_appid" not in told.last


def test_api_v2_hears_of_the_sub_merchants_own_app_too(cloud, told):
    cloud.add_account("partner-classic", "classic", **PARTNER)

    create(cloud, "partner-classic")

    assert {name: told.last.get(name) for name in ("appid", "sub_appid", "openid", "sub_openid")} == {
        "appid": PARTNER["appid"],
        "sub_appid": PARTNER["sub_appid"],
        "openid": None,
        "sub_openid": BODY["payer"]["openid"],
    }


def test_a_log_in_code_is_not_exchanged_under_another_app_than_its_own(cloud, told):
    cloud.add_account("partner-code", "shop", **PARTNER)

    status, answer = create(cloud, "partner-code", appid=PARTNER["appid"], payer={"login_code": "code"})

    assert (status, "openid" in answer["detail"], told.bodies) == (422, True, [])


def test_the_expiry_asked_for_is_kept(cloud):
    _, answer = create(cloud, expires_at="2026-11-22T15:00:00+08:00")

    assert answer["order"]["expires_at"] == "2026-11-22T07:00:00Z"
    assert order(cloud).terms.expires_at > NOW


def test_an_orphaned_payment_is_attached_when_its_order_is_created(cloud):
    event = json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text())
    cloud.invoke("wechat_notify", event)

    create(cloud, order_id="EV-paid-v3")

    assert order(cloud, "EV-paid-v3").status == "paid"


@pytest.mark.parametrize("address", ["1e999", "1.2.3", "::::", "256.1.1.1", "fe80::1%eth0"])
def test_what_is_no_address_of_a_payer_is_400_and_asks_nobody(cloud: Cloud, address: str) -> None:
    status, problem = create(cloud, client_ip=address)

    assert status == 400
    assert address not in json.dumps(problem)
    assert cloud.wechat.sent == []
