"""Douyin's bills: read under every name that their columns have had, and refused where one is missing."""

from datetime import date

import pytest

from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.reconcile import BillLine
from countersign.platforms.douyin import bills

# The header of the 2021 form, and what a form with the merchant's number apart looks like.
OLD = "序号,支付时间,商户号,openid,订单号,平台订单号,渠道订单号,订单金额,支付方式,支付状态"
NEW = "交易时间,小程序ID,商户号,订单号,商户订单号,渠道订单号,交易金额,订单状态"
REFUND = "退款时间,小程序ID,商户号,退款单号,商户退款单号,订单号,商户订单号,退款金额,退款状态"
LINE = BillLine("app", "A-1", "N1", Money(8800, "CNY"), "2026-11-22 10:00:00")


@pytest.mark.parametrize(
    "lines",
    [
        [OLD, "1,2026-11-22 10:00:00,700,o,A-1,N1,4200,88.00,微信,支付成功"],
        ["\ufeff" + NEW, "2026-11-22 10:00:00,tt,700,N1,A-1,4200,88.00,支付成功"],
        [NEW, "`2026-11-22 10:00:00,`tt,`700,`N1,`A-1,`4200,`88.00,`SUCCESS"],
    ],
)
def test_a_payment_is_found_under_either_form(lines: list[str]) -> None:
    assert list(bills.read(lines, bills.PAYMENT, "app")) == [LINE]


def test_a_refund_has_the_numbers_of_both_sides() -> None:
    lines = [REFUND, "2026-11-22 11:00:00,tt,700,otr1,rf1,N1,A-1,8.00,退款成功"]

    (line,) = bills.read(lines, bills.REFUND, "app")

    assert (line.order_id, line.transaction_id, line.refund_id, line.platform_refund_id) == ("A-1", "N1", "rf1", "otr1")
    assert line.amount == Money(800, "CNY")


@pytest.mark.parametrize(
    ("number", "ours"),
    [("rf1*2", "rf1"), ("late-N1*1", "late-N1"), ("shop*1", "shop*1"), ("", "Uotr1")],
)
def test_a_refunds_number_is_ours_whatever_attempt_or_side_made_it(number: str, ours: str) -> None:
    lines = [REFUND, f"2026-11-22 11:00:00,tt,700,otr1,{number},N1,A-1,8.00,退款成功"]

    assert [line.refund_id for line in bills.read(lines, bills.REFUND, "app")] == [ours]


@pytest.mark.parametrize("name", ["tea\n2 cups", '"tea\n2 cups"', "\n"])
def test_a_free_text_with_a_line_break_and_blank_lines_break_no_row(name: str) -> None:
    text = f"{NEW},商品名称,状态\n2026-11-22 10:00:00,tt,700,N1,A-1,4200,88.00,支付成功,{name},x\n\n"

    assert list(bills.read(text.splitlines(keepends=True), bills.PAYMENT, "app")) == [LINE]


def test_what_did_not_succeed_is_left_out() -> None:
    assert list(bills.read([NEW, "2026-11-22 10:00:00,tt,700,N1,A-1,4200,88.00,支付失败"], bills.PAYMENT, "app")) == []


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [NEW.replace("交易金额", "金额")],
        [NEW.replace("商户订单号,", "")],
        [NEW, "2026-11-22 10:00:00,tt"],
        [NEW, "2026-11-22 10:00:00,tt,700,N1,A-1,4200,88.001,支付成功"],
        [NEW, "2026-11-22 10:00:00,tt,700,N1,A-1,4200,8.8e1,支付成功"],
    ],
)
def test_a_table_that_is_not_what_it_should_be_is_refused(lines: list[str]) -> None:
    with pytest.raises(MalformedError):
        list(bills.read(lines, bills.PAYMENT, "app"))


def test_a_day_is_beijings_and_ready_at_ten() -> None:
    ten = bills.span(date(2026, 11, 23))[0] + 10 * 3600

    assert bills.latest_day(ten) == date(2026, 11, 22)
    assert bills.latest_day(ten - 1) == date(2026, 11, 21)
