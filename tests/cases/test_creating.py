"""What shops ask for when they create payments, and what the platforms say to it."""

import json

import pytest

from tests.cases import kit

TEA = {"description": "奶茶", "payer": {"openid": "oField_Payer_000000000000001"}}
PRICE = {"minor": 8800, "currency": "CNY"}


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_an_h5_payment_needs_the_payers_address_and_never_takes_the_callers(world, account):
    sent = []
    world.wechat.hook = lambda method, path, query, body: sent.append(body.decode())
    body = {"order_id": "FIELD-H5001", "amount": PRICE, "description": "奶茶", "method": "h5", "h5": {"type": "Wap"}}

    answer = world.create(account, body)  # the caller is 203.0.113.9, a server of the shop's

    assert answer["statusCode"] == 422
    assert "client_ip" in answer["body"]
    assert not any("203.0.113.9" in text for text in sent)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 8800},
        {"amount": {"minor": "8800", "currency": "CNY"}},
        {"amount": {"minor": 8800, "currency": "EUR"}},
        {"description": ""},
        {"order_id": "a b"},
        {"unknown": 1},
        {"expires_at": "tomorrow"},
    ],
)
def test_the_same_body_of_another_shape_is_answered_the_same_by_every_platform(world, wrong):
    body = {"order_id": "FIELD-SHAPE1", "amount": PRICE, "description": "奶茶"} | wrong

    answers = [world.create("shop", body), world.create("app", body, platform="douyin")]

    assert [answer["statusCode"] for answer in answers] == [400, 400]
    (field,) = wrong
    assert all(field in answer["body"] for answer in answers)


@pytest.mark.parametrize(
    ("account", "first", "corrected"),
    [
        ("app", {"description": "🧋🧋"}, {"description": "奶茶🧋"}),
        (
            "tr",
            {"description": "奶茶", "entry": {"path": "/pages/order"}},
            {"description": "奶茶", "entry": {"path": "pages/order"}},
        ),
    ],
)
def test_a_refusal_of_which_the_platform_never_heard_does_not_spend_the_order_number(account, first, corrected):
    trade = kit.douyin_document(system="trade", app_id="tt0a1b2c3d4e5f6a7b02")
    with kit.world(extra_douyin={"tr": trade}) as world:
        asked = {"order_id": "FIELD-SPENT1", "amount": PRICE}

        assert world.create(account, {**asked, **first}, platform="douyin")["statusCode"] == 422
        answer = world.create(account, {**asked, **corrected}, platform="douyin")
        assert answer["statusCode"] == 201, answer["body"]


def test_two_orders_that_replace_one_are_never_both_paid_without_a_question(world):
    world.create("shop", {**TEA, "order_id": "FIELD-OLD001", "amount": PRICE})
    world.clock.shift(400)
    new = {**TEA, "replaces": "FIELD-OLD001"}
    first = world.create("shop", {**new, "order_id": "FIELD-NEW001", "amount": {"minor": 7700, "currency": "CNY"}})
    assert first["statusCode"] == 201
    second = world.create("shop", {**new, "order_id": "FIELD-NEW002", "amount": {"minor": 6600, "currency": "CNY"}})

    assert second["statusCode"] == 409
    assert "FIELD-NEW001" in second["body"]


def test_what_wechat_says_about_a_wrong_v2_key_reaches_who_can_mend_it(world, capsys):
    said = kit.xml({"return_code": "FAIL", "return_msg": "签名错误，请检查后再试"})
    world.wechat.hook = lambda method, path, query, body: (200, {"content-type": "text/xml"}, said)

    answer = world.create("classic", {**TEA, "order_id": "FIELD-V2SIGN", "amount": PRICE})

    assert answer["statusCode"] == 502
    assert "签名错误" in answer["body"] + capsys.readouterr().out


def test_a_service_provider_takes_a_payment_in_the_sub_merchants_own_mini_program():
    own = "wxb1b2c3d4e5f60999"
    ours = {"mchid": "1900099010", "sub_mchid": "1900099011", "appid": "wxa1b2c3d4e5f60777", "appids": [own]}
    partner = kit.shop_document(**ours, sub_appid=own, push=None, store=None, notices=None)
    sent = []
    with kit.world(extra_wechat={"partner": partner}) as world:
        world.wechat.hook = lambda method, path, query, body: sent.append(body) if path.endswith("/jsapi") else None
        asked = {"order_id": "FIELD-PART-3", "amount": PRICE, "description": "奶茶", "appid": own}

        world.create("partner", {**asked, "payer": {"openid": "oField_SubPayer_0000000000001"}})

    told = json.loads(sent[-1])
    assert (told.get("sub_appid"), told["payer"]) == (own, {"sub_openid": "oField_SubPayer_0000000000001"})
