"""Receipts: as wide as the paper, as long as the printer takes, and no command by what people wrote."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import KeysUnavailableError
from countersign.money import Money
from countersign.notices import receipt
from countersign.notices.content import Facts
from countersign.notices.receipt import PrintSettings
from countersign.orders.changes import Line as Bought
from countersign.orders.changes import OrderKey
from countersign.orders.state import ReportedPayment
from countersign.printers import feie, paper
from countersign.printers.paper import Line
from tests.printers.counter import KEY, NOW, facts, order


def rendered(settings: PrintSettings, told: Facts, columns: int = 32) -> list[str]:
    return [line.text for line in receipt.render(settings, told, columns)]


def test_the_receipt_of_a_paid_order() -> None:
    rows = rendered(PrintSettings(title="奶茶小店"), facts())

    assert rows == [
        "奶茶小店",
        "新订单",
        "--------------------------------",
        "订单号：A-1",
        "下单时间：2026-11-22 14:51",
        "支付时间：2026-11-22 15:00",
        "--------------------------------",
        "珍珠奶茶（大杯）       x2 ¥60.00",
        "Egg tart               x4 ¥28.00",
        "--------------------------------",
        "合计                      ¥88.00",
        "实付                      ¥88.00",
        "备注：少冰",
    ]
    assert [line.is_title for line in receipt.render(PrintSettings(title="奶茶小店"), facts(), 32)][:3] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
def test_a_coupon_stands_between_what_was_asked_and_what_the_payer_paid(platform: str) -> None:
    payment = ReportedPayment("4200", Money(8800, "CNY"), "v3", "", NOW, 7566)
    bought = replace(order(), key=OrderKey(platform, "shop", "A-1"), claims=(payment,))

    rows = rendered(PrintSettings(), Facts(bought.key, "order.paid", NOW, bought))

    assert rows[-4:-1] == [
        "合计                      ¥88.00",
        "优惠                      ¥12.34",
        "实付                      ¥75.66",
    ]


def test_a_platform_that_nobody_has_heard_of_prints_in_its_own_currency_and_in_utc() -> None:
    terms = replace(order().terms, amount=Money(12_345, "KWD"), lines=())
    payment = ReportedPayment("1", Money(12_345, "KWD"), terms.system, "", NOW, 12_000)
    bought = replace(order(), key=OrderKey("acme", "shop", "A-1"), terms=terms, claims=(payment,))

    rows = rendered(PrintSettings(), Facts(bought.key, "order.paid", NOW, bought))

    assert "支付时间：2026-11-22 07:01" in rows
    assert [row.split()[-2:] for row in rows[-4:-1]] == [["12.345", "KWD"], ["0.345", "KWD"], ["12.000", "KWD"]]


def test_wide_paper_is_used() -> None:
    rows = rendered(PrintSettings(), facts(), 48)

    assert "Egg tart" + " " * 31 + "x4 ¥28.00" in rows
    assert "-" * 48 in rows


def test_a_template_of_the_merchants_own() -> None:
    settings = receipt.load({"template": "# 厨房 {order_id}\n{items}\n桌\t{metadata.table}\n{metadata.remark}\n!"})

    assert rendered(settings, facts())[0] == "厨房 A-1"
    assert rendered(settings, facts())[-2:] == ["少冰", "!"]  # no table, so no line of it


def test_an_order_without_lines_shows_its_description() -> None:
    assert "Tea" in rendered(PrintSettings(), facts(order(lines=())))


def test_an_event_of_an_order_that_is_not_known_prints_what_is_known() -> None:
    rows = rendered(PrintSettings(), Facts(KEY, "order.orphan", NOW))

    assert rows == ["未知付款", "-" * 32, "订单号：A-1", "-" * 32, "-" * 32]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"printers": "kitchen"}, "printers is not a list"),
        ({"printers": [""]}, "printers is not a list of names"),
        ({"title": 5}, "title or template"),
        ({"template": ["x"]}, "title or template"),
        ({"template": "{phone}"}, "template has a placeholder that does not exist"),
        ({"copies": 0}, "copies is not a number from 1 to 5"),
        ({"copies": 6}, "copies is not"),
        ({"copies": True}, "copies is not"),
        ({"copies": "2"}, "copies is not"),
    ],
)
def test_a_wrong_print_notice_is_refused_by_its_field(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(KeysUnavailableError, match=problem):
        receipt.load(document)


def test_a_print_notice_may_say_nothing() -> None:
    assert receipt.load({}) == PrintSettings((), "", receipt.DEFAULT, 1)
    assert receipt.load({"printers": ["a"], "title": "t", "copies": 2}) == PrintSettings(
        ("a",), "t", receipt.DEFAULT, 2
    )


ANYTHING = st.text(max_size=60)


@given(remark=ANYTHING, title=ANYTHING, shop=ANYTHING, columns=st.sampled_from([32, 48]))
def test_whatever_people_wrote_no_line_is_too_wide_and_no_tag_is_theirs(
    remark: str, title: str, shop: str, columns: int
) -> None:
    told = facts(order(lines=(Bought(title, 3, 100),), metadata=(("remark", remark),), description=remark))

    lines = receipt.render(PrintSettings(title=shop), told, columns)
    written = feie.Feie(None, feie.FeieSettings("n", "1", "u", None, "", columns)).content(lines)  # type: ignore[arg-type]

    assert all(paper.width(line.text) * (2 if line.is_title else 1) <= columns for line in lines)
    assert set(re.findall(r"<[^>]*>", written)) <= {"<CB>", "</CB>", "<BR>", "<CUT>"}
    assert written.count("<CUT>") == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", written)


@pytest.mark.parametrize(
    "attack",
    [
        "<CUT>",
        "<PLUGIN>",
        "<AUDIO-REFUND>",
        "<BR><CB>免费</CB>",
        "</CB>",
        "<<CUT>>",
        "\x1bm",
        "a\r\nb",
        "\x00",
        "\u2028",
    ],
)
@pytest.mark.parametrize("where", ["remark", "title", "description", "shop"])
def test_what_somebody_wrote_is_no_command(attack: str, where: str) -> None:
    lines = (Bought(attack if where == "title" else "Tea", 1, 8800),) if where != "description" else ()
    remark = attack if where == "remark" else "-"
    told = facts(order(lines=lines, description=attack, metadata=(("remark", remark),)))

    text = "".join(rendered(PrintSettings(title=attack if where == "shop" else ""), told))

    assert not re.search(r"[<>\x00-\x1f\u2028]", text)


def test_a_brace_that_a_buyer_wrote_is_no_placeholder() -> None:
    told = facts(order(metadata=(("remark", "{transaction_id}"),)))

    assert "备注：{transaction_id}" in rendered(PrintSettings(), told)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("奶茶", 4),
        ("，。", 4),
        ("ｱ", 1),
        ("Ａ", 2),
        ("e\u0301", 1),
        ("…", 2),
        ("½", 2),
        ("¥", 1),
        ("😀", 2),
        ("", 0),
    ],
)
def test_the_width_of_characters(text: str, columns: int) -> None:
    assert paper.width(text) == columns


def test_long_texts_are_broken_where_the_line_is_full() -> None:
    assert paper.wrap("一二三四五", 4) == ["一二", "三四", "五"]
    assert paper.wrap("a一二", 4) == ["a一", "二"]
    assert paper.spread("一二三四五", "x1 ¥1.00", 12) == ["一二三四五", "    x1 ¥1.00"]
    assert paper.spread("一", "x1 ¥1.00", 12) == ["一  x1 ¥1.00"]
    assert paper.spread("a", "x" * 14, 12) == ["a", "x" * 12, "xx"]


def test_of_a_receipt_that_is_too_long_the_last_items_go() -> None:
    bought = tuple(Bought(f"第{number}种非常长的商品名称，说明很多很多", 1, 100) for number in range(200))
    lines = receipt.render(PrintSettings(), facts(order(lines=bought)), 32)

    written = paper.fit(lines, lambda rows: "".join(f"{row.text}\n" for row in rows), 5000)

    rows = written.splitlines()
    assert 4900 < len(written.encode()) <= 5000
    assert rows.count("…") == 1
    assert rows[rows.index("…") + 1] == "-" * 32
    assert rows[-3:] == ["合计                      ¥88.00", "实付                      ¥88.00", "备注：少冰"]
    assert "订单号：A-1" in rows


def test_without_items_to_leave_out_the_end_goes() -> None:
    lines = [Line("A-1"), *(Line("长" * 16) for _ in range(200))]

    rows = paper.fit(lines, lambda rows: "".join(f"{row.text}\n" for row in rows), 5000).splitlines()

    assert (rows[0], rows[-1]) == ("A-1", "…")
    assert len(rows) == 103


def test_a_receipt_of_just_the_size_is_whole() -> None:
    assert paper.fit([Line("a" * 10)], lambda rows: rows[0].text, 10) == "a" * 10


def test_feie_gets_no_more_than_it_takes() -> None:
    bought = tuple(Bought("商品" * 10, 1, 100) for _ in range(300))
    printer = feie.Feie(None, feie.FeieSettings("n", "1", "u", None, "", 32))  # type: ignore[arg-type]

    written = printer.content(receipt.render(PrintSettings(), facts(order(lines=bought)), 32))

    assert 4800 < len(written.encode()) <= feie.MAX_BYTES
    assert written.endswith("备注：少冰<BR><CUT>")
