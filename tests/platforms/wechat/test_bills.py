"""WeChat's bills: the public vectors, how they are fetched, and what is refused as cut, foreign or damaged."""

import base64
import gzip
import hashlib
import io
from datetime import date
from typing import Any

import pytest

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.orders.reconcile import BillLine
from countersign.platforms.wechat import bills
from countersign.platforms.wechat.client import NoBillError
from tests.platforms.wechat.support import MCHID, VECTORS, settings
from tests.platforms.wechat.wire import Reply, answer, client, query_of, refusal

DAY = date(2026, 11, 21)
URL = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc&tartype=gzip"
TWO_ROWS = base64.b64decode(VECTORS["bill-all-two-rows"]["raw_response"]["body_b64"])
NO_BILL = base64.b64decode(VECTORS["bill-v2-no-bill-exist"]["raw_response"]["body_b64"])
V2 = settings(api="v2")


def lines(content: bytes) -> list[BillLine]:
    return list(bills.read(io.BytesIO(content), "shop"))


def plain(name: str) -> bytes:
    return base64.b64decode(VECTORS[name]["raw_response"]["body_b64"])


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("bill-")])
@pytest.mark.parametrize("packed", [False, True])
def test_public_vector(name: str, packed: bool) -> None:
    vector = VECTORS[name]
    expect = vector["expect"]
    content = plain(name)
    if expect["result"] == "no_bill":
        caller, _ = client(Reply(200, {}, content), account=V2)
        with pytest.raises(NoBillError):
            caller.bill(DAY, io.BytesIO())
        return
    assert expect["result"] == "accept"
    content = base64.b64decode(vector["raw_response"]["gzip_b64"]) if packed else content
    announced = {"hash_type": "SHA1", "hash_value": vector["inputs"]["hash_value_of_plain"], "download_url": URL}
    caller, _ = client(answer(announced), Reply(200, {}, content))
    file = io.BytesIO()

    caller.bill(DAY, file)

    found = list(bills.read(file, "shop"))
    payments = [{"out_trade_no": line.order_id, "total_fen": line.amount.minor} for line in found if not line.refund_id]
    refunds = [{"out_refund_no": line.refund_id, "refund_fen": line.amount.minor} for line in found if line.refund_id]
    assert len(found) == expect["rows"]
    assert payments == expect.get("payments", [])
    assert refunds == [
        {name: row[name] for name in ("out_refund_no", "refund_fen")} for row in expect.get("refunds", [])
    ]


def test_v3_asks_for_the_day_and_fetches_the_file_signed() -> None:
    digest = hashlib.sha1(TWO_ROWS, usedforsecurity=False).hexdigest().upper()
    announced = {"hash_type": "SHA1", "hash_value": digest, "download_url": URL}
    caller, wechat = client(answer(announced), Reply(200, {}, gzip.compress(TWO_ROWS)))

    caller.bill(DAY, io.BytesIO())

    asked, fetched = wechat.sent
    assert query_of(asked.url) == {"bill_date": "2026-11-21", "bill_type": "ALL", "tar_type": "GZIP"}
    assert asked.is_signed_v3()
    assert fetched.url == URL
    assert fetched.is_signed_v3()


def test_a_service_provider_asks_for_its_sub_merchants_bill() -> None:
    caller, wechat = client(refusal("NO_STATEMENT_EXIST", 400), account=settings(sub_mchid="1900000109"))

    with pytest.raises(NoBillError):
        caller.bill(DAY, io.BytesIO())

    assert query_of(wechat.sent[0].url)["sub_mchid"] == "1900000109"


def test_v2_asks_for_the_day_in_signed_xml() -> None:
    caller, wechat = client(Reply(200, {}, TWO_ROWS), account=V2)

    caller.bill(DAY, io.BytesIO())

    (sent,) = wechat.sent
    assert sent.url == "https://api.mch.weixin.qq.com/pay/downloadbill"
    assert (sent.fields["bill_date"], sent.fields["bill_type"], sent.fields["mch_id"]) == ("20261121", "ALL", MCHID)
    assert sent.is_signed_v2()


@pytest.mark.parametrize(
    "announced",
    [
        {"hash_type": "SHA1", "hash_value": "0" * 40, "download_url": URL},
        {"hash_type": "MD5", "hash_value": "0" * 32, "download_url": URL},
        {"hash_type": "SHA1", "hash_value": None, "download_url": URL},
        {"hash_type": "SHA1", "hash_value": "0" * 40, "download_url": "http://api.mch.weixin.qq.com.evil.example/f"},
        {"hash_type": "SHA1", "hash_value": "0" * 40, "download_url": "http://169.254.169.254/latest"},
    ],
)
def test_an_announcement_or_file_that_does_not_fit_is_not_used(announced: dict[str, Any]) -> None:
    caller, _ = client(answer(announced), Reply(200, {}, TWO_ROWS))

    with pytest.raises(PlatformUnavailableError):
        caller.bill(DAY, io.BytesIO())


def test_no_business_and_a_bill_in_the_making_are_told_apart() -> None:
    nothing, _ = client(refusal("NO_STATEMENT_EXIST", 400))
    making, _ = client(refusal("STATEMENT_CREATING", 400))
    v2_making = b"<xml><return_code>FAIL</return_code><error_code>20007</error_code></xml>"
    making_v2, _ = client(Reply(200, {}, v2_making), account=V2)
    not_xml, _ = client(Reply(200, {}, b"<html>"), account=V2)

    with pytest.raises(NoBillError):
        nothing.bill(DAY, io.BytesIO())
    for caller in (making, making_v2, not_xml):
        with pytest.raises(PlatformUnavailableError):
            caller.bill(DAY, io.BytesIO())


ROWS = TWO_ROWS.split(b"\r\n")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        TWO_ROWS[:-40],
        b"\r\n".join([ROWS[0], ROWS[1], *ROWS[3:]]),  # a line is missing
        TWO_ROWS.replace(b"`6.00,`0.00,`\r\n", b"`7.00,`0.00,`\r\n", 1),  # sums differ
        b"\r\n".join(ROWS[:3]),
        TWO_ROWS + b"`1,`2\r\n",
        TWO_ROWS.replace("订单金额,申请退款金额".encode(), b"x,y", 1),
        TWO_ROWS.replace(b"`4.00,`0.00,`ORIGINAL", b"`4.0e2,`0.00,`ORIGINAL", 1)[:200],
        TWO_ROWS.replace(b"`OTHERS", b"\xff\xfe"),
        gzip.compress(TWO_ROWS)[:-20],
        b"\x1f\x8b" + b"\0" * 40,
    ],
)
def test_what_is_cut_or_does_not_add_up_is_refused(content: bytes) -> None:
    if content == TWO_ROWS:  # the vector has no such text
        content = TWO_ROWS.replace(b"PSBC_DEBIT", b"\xff\xfe")
    with pytest.raises(MalformedError):
        lines(content)


def test_names_may_hold_commas_back_ticks_and_line_feeds() -> None:
    odd = TWO_ROWS.replace("奶茶,大杯".encode(), b"a,`b\n`c")

    assert lines(odd) == lines(TWO_ROWS)


def test_a_bill_with_plain_line_feeds_is_read_too() -> None:
    assert lines(TWO_ROWS.replace(b"\r\n", b"\n")) == lines(TWO_ROWS)


@pytest.mark.parametrize(
    "broken", ["a\r\nb", "\r\n", "a,`b\r\n`c", "a\r\n\r\nb", "总交易单数\r\n总交易单数,x", "x\r\n`2026-11-21"]
)
def test_a_name_with_a_line_break_of_the_bills_own_kind_stays_one_row(broken: str) -> None:
    assert lines(TWO_ROWS.replace("奶茶,大杯".encode(), broken.encode())) == lines(TWO_ROWS)
    plain_feeds = TWO_ROWS.replace(b"\r\n", b"\n").replace("奶茶,大杯".encode(), broken.encode())
    assert lines(plain_feeds) == lines(TWO_ROWS)


@pytest.mark.parametrize("after", [b"\r\n", b"\r\n\r\n", b" \r\n"])
def test_blank_lines_after_the_summary_are_nothing(after: bytes) -> None:
    assert lines(TWO_ROWS.rstrip(b"\r\n") + b"\r\n" + after) == lines(TWO_ROWS)


@pytest.mark.parametrize("at", [1, 100, len(TWO_ROWS) - 1])
@pytest.mark.parametrize("end", [b"", b"\0" * 512])
def test_gzip_of_several_members_is_one_bill(at: int, end: bytes) -> None:
    members = [TWO_ROWS[:at], b"", TWO_ROWS[at:]]

    assert lines(b"".join(map(gzip.compress, members)) + end) == lines(TWO_ROWS)


def test_a_second_member_that_is_cut_or_none_is_refused() -> None:
    first, second = gzip.compress(TWO_ROWS[:100]), gzip.compress(TWO_ROWS[100:])

    for content in (first, first + second[:-9], first + b"more", first + second + b"more"):
        with pytest.raises(MalformedError):
            lines(content)


EARLY = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,"
    "{coupon}金额,微信退款单号,商户退款单号,退款金额,{coupon}退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率"
)
EARLY_SUMS = "总交易单数,总交易额,总退款金额,总{coupon}退款金额,手续费总金额"


def early(coupon: str, paid: str = "88.00") -> bytes:
    common = ["2026-11-22 14:27:25", "wx1", MCHID, "0", "", "4200", "A-1", "o", "JSAPI"]
    payment = [
        *common,
        "SUCCESS",
        "CFT",
        "CNY",
        "88.00",
        "8.00",
        "0",
        "0",
        "0",
        "0",
        "",
        "",
        "奶茶,大杯",
        "",
        "0.53",
        "0.60%",
    ]
    refund = [
        *common,
        "REFUND",
        "CFT",
        "CNY",
        "0.00",
        "0.00",
        "503",
        "rf1",
        "10.0",
        "0",
        "ORIGINAL",
        "SUCCESS",
        "奶茶",
        "",
        "-0.06",
        "0.60%",
    ]
    sums = ["2", paid, "10.00", "0.0", "0.47"]
    rows = [",".join(f"`{value}" for value in row) for row in (payment, refund, sums)]
    text = "\r\n".join([EARLY.format(coupon=coupon), *rows[:2], EARLY_SUMS.format(coupon=coupon), rows[2], ""])
    return b"\xef\xbb\xbf" + text.encode()


@pytest.mark.parametrize("coupon", ["代金券或立减优惠", "企业红包"])
def test_the_early_form_is_read_in_either_wording(coupon: str) -> None:
    payment, refund = lines(early(coupon))

    assert (payment.order_id, payment.transaction_id, str(payment.amount)) == ("A-1", "4200", "88.00 CNY")
    assert (refund.refund_id, refund.platform_refund_id, str(refund.amount)) == ("rf1", "503", "10.00 CNY")
    with pytest.raises(MalformedError, match="add up"):
        lines(early(coupon, paid="88.01"))


def test_amounts_are_exact() -> None:
    told = TWO_ROWS.replace(b"`6.00,`0.00,`\r\n", b"`19.99,`0.00,`\r\n").replace(
        b"`6.00,`4.00\r\n", b"`19.99,`4.00\r\n"
    )

    assert [line.amount.minor for line in lines(told)] == [1999, 400]


def test_the_latest_bill_and_its_day() -> None:
    ten = 1_795_312_800  # 2026-11-22 10:00 in Beijing

    assert bills.latest_day(ten) == date(2026, 11, 21)
    assert bills.latest_day(ten - 1) == date(2026, 11, 20)
    start, end = bills.span(date(2026, 11, 22))
    assert (start, end) == (ten - 36_000, ten + 50_400)
