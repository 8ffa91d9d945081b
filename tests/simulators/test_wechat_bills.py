"""The simulator's bills, refusals and settlements, called with wechatpayv3 and wechatpy."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType  # type: ignore[import-untyped]
from wechatpy.pay.utils import calculate_signature_hmac  # type: ignore[import-untyped]

from sandbox.simulators.wechat import xml
from sandbox.simulators.wechat.bills import SUMMARY
from sandbox.simulators.wechat.ledger import BEIJING

if TYPE_CHECKING:
    from sandbox.simulators.wechat import Simulator

HOUR = 3600


@pytest.fixture
def client(api: str, accounts: dict[str, dict[str, Any]]) -> WeChatPay:
    shop = accounts["shop"]
    key = shop["wechatpay_public_keys"][0]
    made = WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=shop["mchid"],
        private_key=shop["merchant_private_key_pem"],
        cert_serial_no=shop["merchant_serial"],
        apiv3_key=shop["api_v3_keys"][0],
        appid=shop["appid"],
        notify_url="https://shop.example.com/wechat/shop/notify",
        public_key=key["pem"],
        public_key_id=key["id"],
    )
    made._core._gate_way = api
    return made


def bought(client: WeChatPay, platform: Simulator, number: str, fen: int = 8800) -> None:
    status, text = client.pay(
        description="tea", out_trade_no=number, amount={"total": fen, "currency": "CNY"}, payer={"openid": "oPayer"}
    )
    assert status == 200, text
    assert platform.control("pay", {"account": "shop", "out_trade_no": number, "notify": False})[0] == 200


def refund(client: WeChatPay, number: str, order: str, fen: int, total: int = 8800) -> dict[str, Any]:
    amount = {"refund": fen, "total": total, "currency": "CNY"}
    return dict(json.loads(client.refund(out_refund_no=number, out_trade_no=order, amount=amount)[1]))


def today(clock: Any) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(clock.time, BEIJING)


def next_morning(clock: Any, hour: int = 10) -> str:
    day = today(clock)
    clock.time = (day + datetime.timedelta(days=1)).replace(hour=hour, minute=1).timestamp()
    return f"{day:%Y-%m-%d}"


@pytest.fixture
def signed_at(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    """Let wechatpayv3 sign for the platform's time: the bill is of yesterday, and it looks at the machine's clock."""
    monkeypatch.setattr("wechatpayv3.utils.time.time", lambda: clock.time)


def fetched(client: WeChatPay, platform: Simulator, day: str, packed: str = "GZIP") -> list[str]:
    status, text = client.trade_bill(day, tar_type=packed)
    assert status == 200, text
    offered = json.loads(text)
    target = urlsplit(offered["download_url"])
    content = platform._v3._bills._files[parse_qs(target.query)["token"][0]][2]
    assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == offered["hash_value"]
    return content.decode("utf-8-sig").split("\r\n")


@pytest.mark.usefixtures("signed_at")
def test_a_day_holds_its_payments_and_accepted_refunds(client: WeChatPay, platform: Simulator, clock: Any) -> None:
    bought(client, platform, "BILL-0001")
    bought(client, platform, "BILL-0002", 199)
    refund(client, "R-1", "BILL-0001", 800)
    day = next_morning(clock)

    header, *rows, summary_header, summary, end = fetched(client, platform, day)

    assert header.split(",")[:2] == ["交易时间", "公众账号ID"]
    states = {row.split(",`")[6 if row.split(",`")[9] == "SUCCESS" else 15]: row for row in rows}
    assert set(states) == {"BILL-0001", "BILL-0002", "R-1"}
    assert states["R-1"].split(",`")[-2] == "8.00"
    assert (summary_header, end) == (SUMMARY, "")
    assert summary.removeprefix("`").split(",`") == ["3", "89.99", "8.00", "0.00", "0.00000", "89.99", "8.00"]


@pytest.mark.usefixtures("signed_at")
def test_a_bill_is_there_the_next_morning_and_not_for_a_day_without_business(
    client: WeChatPay, platform: Simulator, clock: Any
) -> None:
    bought(client, platform, "BILL-0001")
    day = next_morning(clock, hour=8)
    assert json.loads(client.trade_bill(day)[1])["code"] == "STATEMENT_CREATING"

    clock.time += 2 * HOUR

    assert client.trade_bill(day)[0] == 200
    before = f"{today(clock) - datetime.timedelta(days=3):%Y-%m-%d}"
    assert json.loads(client.trade_bill(before)[1])["code"] == "NO_STATEMENT_EXIST"
    assert json.loads(client.trade_bill("tomorrow")[1])["code"] == "PARAM_ERROR"


@pytest.mark.usefixtures("signed_at")
def test_a_planted_bill_differs_and_still_adds_up(client: WeChatPay, platform: Simulator, clock: Any) -> None:
    for number in ("BILL-0001", "BILL-0002"):
        bought(client, platform, number)
    day = f"{today(clock):%Y-%m-%d}"
    planted = {"without": ["BILL-0001"], "amounts": {"BILL-0002": 1}, "more": {"STRANGER": 500}}
    assert platform.control("bill", {"account": "shop", "date": day, **planted}) == (200, {"planted": True})
    next_morning(clock)

    _, *rows, _, summary, _ = fetched(client, platform, day)

    assert {row.split(",`")[6]: row.split(",`")[-3] for row in rows} == {"BILL-0002": "0.01", "STRANGER": "5.00"}
    assert summary.split(",`")[1] == "5.01"


def v2_bill(platform: Simulator, account: dict[str, Any], **changes: str) -> bytes:
    fields = {
        "appid": account["appid"],
        "mch_id": account["mchid"],
        "nonce_str": "n" * 16,
        "sign_type": "HMAC-SHA256",
        "bill_type": "ALL",
        **changes,
    }
    sign = calculate_signature_hmac(fields, account["api_v2_keys"][0])
    return platform.handle("POST", "/pay/downloadbill", "", {}, xml.write({**fields, "sign": sign}))[2]


def test_v2_answers_the_file_itself_or_xml(platform: Simulator, accounts: dict[str, Any], clock: Any) -> None:
    classic = accounts["classic"]
    platform.control("notify", {"account": "classic", "out_trade_no": "BILL-V2", "amount": 700})
    day = next_morning(clock).replace("-", "")

    plain = v2_bill(platform, classic, bill_date=day)

    assert plain.startswith(b"\xef\xbb\xbf")
    assert gzip.decompress(v2_bill(platform, classic, bill_date=day, tar_type="GZIP")) == plain
    assert b"20002" in v2_bill(platform, classic, bill_date="20200101") or b"20001" in v2_bill(
        platform, classic, bill_date="20200101"
    )
    assert b"No Bill Exist" in v2_bill(platform, classic, bill_date=f"{int(day) - 1}")
    forged = {**classic, "api_v2_keys": ["k" * 32]}
    assert b"20001" in v2_bill(platform, forged, bill_date=day)


def test_a_refund_can_be_refused_with_any_word(client: WeChatPay, platform: Simulator) -> None:
    bought(client, platform, "BILL-0001")
    platform.faults({"refund_refused": {"code": "USER_ACCOUNT_ABNORMAL"}})

    assert refund(client, "R-1", "BILL-0001", 800)["code"] == "USER_ACCOUNT_ABNORMAL"
    assert refund(client, "R-1", "BILL-0001", 800)["status"] == "PROCESSING"


def test_staff_helps_an_abnormal_refund(client: WeChatPay, platform: Simulator) -> None:
    bought(client, platform, "BILL-0001")
    platform.faults({"refund_result": {"status": "PROCESSING"}})
    refund(client, "R-1", "BILL-0001", 800)
    wanted = {"account": "shop", "out_refund_no": "R-1", "notify": False}

    for status in ("ABNORMAL", "SUCCESS"):
        assert platform.control("settle", {**wanted, "status": status})[0] == 200
        assert json.loads(client.query_refund("R-1")[1])["status"] == status
    assert platform.control("settle", {**wanted, "out_refund_no": "R-9"})[0] == 404
