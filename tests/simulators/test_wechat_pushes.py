"""The simulated message push: read by another implementation, repeated by the platform's table."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import check_signature

from sandbox.simulators.wechat import Simulator, pushes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.conftest import Clock, Heard, Shop

Json = dict[str, Any]


def control(platform: Simulator, name: str, **body: Any) -> Json:
    status, answer = platform.control(name, {"account": "shop", **body})
    assert status == 200, answer
    return answer


def query_of(heard: Heard) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(heard.path).query))


def read(heard: Heard, document: Json, app: str = "") -> Any:
    """Read a message as wechatpy does."""
    owner = document["store"] if app == "store" else document
    push, query = owner["push"], query_of(heard)
    crypto = WeChatCrypto(push["token"], push["encoding_aes_keys"][0], owner["appid"])
    outer = json.loads(heard.body) if heard.body.startswith(b"{") else heard.body.decode()
    text = crypto.decrypt_message(outer, query["msg_signature"], query["timestamp"], query["nonce"])
    return json.loads(text) if text.startswith("{") else text


@pytest.fixture
def document(accounts: dict[str, Json]) -> Json:
    return accounts["shop"]


@pytest.fixture(autouse=True)
def accepting(shop: Shop) -> None:
    shop.answer = lambda _: (200, b"success")


def test_what_happens_to_a_store_order_is_pushed_with_the_stores_keys(
    platform: Simulator, shop: Shop, document: Json
) -> None:
    order_id = control(platform, "store_order")["order_id"]
    shop.wait_for(1)
    control(platform, "store_pay", order_id=order_id)
    heard = shop.wait_for(2)

    made, paid = (read(each, document, "store") for each in heard)
    assert (made["Event"], paid["Event"]) == ("channels_ec_order_new", "channels_ec_order_pay")
    assert made["order_info"]["order_id"] == paid["order_info"]["order_id"] == int(order_id)
    assert all(urlsplit(each.path).path == "/wechat/shop/push" for each in heard)


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("mode", ["secure", "compatible"])
def test_another_implementation_opens_every_form(
    platform: Simulator, shop: Shop, document: Json, form: str, mode: str
) -> None:
    control(
        platform, "push", event="trade_manage_remind_shipping", fields={"merchant_trade_no": "N1"}, form=form, mode=mode
    )

    (heard,) = shop.wait_for(1)
    message = read(heard, document)
    assert "trade_manage_remind_shipping" in str(message)
    assert (b"trade_manage_remind_shipping" in heard.body) == (mode == "compatible")
    assert heard.body.startswith(b"<xml>" if form == "xml" else b"{")


def test_plain_mode_signs_the_address_only(platform: Simulator, shop: Shop, document: Json) -> None:
    control(platform, "push", event="channels_ec_order_new", fields={"order_info": {"order_id": 1}}, mode="plain")

    (heard,) = shop.wait_for(1)
    query = query_of(heard)
    check_signature(document["push"]["token"], query["signature"], query["timestamp"], query["nonce"])
    assert json.loads(heard.body)["order_info"] == {"order_id": 1}
    assert "msg_signature" not in query


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [("forge", InvalidSignatureException), ("other_app", InvalidAppIdException), ("other_key", Exception)],
)
def test_a_spoilt_message_is_refused_by_another_implementation(
    platform: Simulator, shop: Shop, document: Json, spoil: str, refusal: type[Exception]
) -> None:
    control(platform, "push", event="debug_demo", spoil=spoil)

    (heard,) = shop.wait_for(1)
    with pytest.raises(refusal):
        read(heard, document)


def test_a_message_that_is_not_taken_is_repeated_by_the_table(platform: Simulator, shop: Shop, clock: Clock) -> None:
    shop.answer = lambda _: (503, b"")
    control(platform, "push", event="debug_demo")
    heard = 3  # at once, and twice again after no time
    shop.wait_for(heard)
    for pause in [pause for pause in pushes.RETRIES if pause]:
        time.sleep(0.1)
        assert len(shop.heard) == heard
        clock.time += pause + 0.01
        heard += 1
        shop.wait_for(heard)

    clock.time += 86_400
    time.sleep(0.1)
    assert len(shop.heard) == heard == 10
    assert sum(pushes.RETRIES) == 12_970  # 3.6 hours
    nonces = {query_of(each)["nonce"] for each in shop.heard}
    assert len(nonces) == 10


def test_it_ends_with_the_word_success_only(platform: Simulator, shop: Shop) -> None:
    answers = iter([(200, b"ok"), (204, b""), (200, b"success")])
    shop.answer = lambda _: next(answers)
    control(platform, "push", event="debug_demo")

    shop.wait_for(3)
    end = time.monotonic() + 60
    while not (shown := control(platform, "pushes")["pushes"][0])["acknowledged"] and time.monotonic() < end:
        time.sleep(0.01)
    assert shown["acknowledged"]
    assert [attempt["status"] for attempt in shown["attempts"]] == [200, 204, 200]


def test_a_message_can_be_lost(platform: Simulator, shop: Shop) -> None:
    platform.faults({"drop": {"count": 1, "attempts": 1}})
    control(platform, "push", event="debug_demo")

    shop.wait_for(1)
    time.sleep(0.05)
    assert [attempt["status"] for attempt in control(platform, "pushes")["pushes"][0]["attempts"]] == [None, 200]


def test_without_a_token_nothing_is_pushed(shop: Shop, clock: Clock, inbox: Any, tmp_path: Path) -> None:
    document = {"mchid": "1900000101", "appid": "wx0000000000000001", "store": {"appid": "wx0000000000000002"}}
    bare = Simulator(clock, {"shop": document}, inbox, shop.base, tmp_path)
    bare.start()
    try:
        order_id = control(bare, "store_order")["order_id"]
        time.sleep(0.1)
        assert order_id
        assert shop.heard == []
        assert bare.control("push", {"account": "shop", "event": "x"})[0] == 400
    finally:
        bare.stop()


def test_an_unknown_way_to_spoil_a_message_is_refused(platform: Simulator, shop: Shop) -> None:
    status, answer = platform.control("push", {"account": "shop", "event": "x", "spoil": "nothing"})

    assert (status, shop.heard) == (400, [])
    assert "spoil" in answer["error"]
