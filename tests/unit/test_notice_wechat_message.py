"""What WeChat's templates hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.notices import wechat_message

NOON = "2026-11-22 14:27"


@pytest.mark.parametrize(
    ("key", "text", "sent"),
    [
        ("thing1", "奶" * 21, "奶" * 19 + "…"),
        ("thing12", "奶" * 20, "奶" * 20),
        ("thing1", "a\n  b", "a b"),
        ("thing1", " ", "-"),
        ("character_string2", "订单A-1", "A-1"),
        ("character_string2", "订单", "-"),
        ("character_string2", "x" * 40, "x" * 32),
        ("name3", "欧阳" * 6, "欧阳欧阳欧阳欧阳欧…"),
        ("name3", "Anna Maria Smith", "Anna Maria Smith"),
        ("phrase4", "已经全部支付", "已经全部支"),
        ("phrase4", "", "无"),
        ("amount5", "¥1234567890.00", "¥1234567890.00"),
        ("amount5", "", "0"),
        ("number6", "", "0"),
        ("time7", "", "2026-11-22 14:27"),
        ("date7", "2026-11-22 14:28", "2026-11-22 14:28"),
        ("const8", "z" * 30, "z" * 20),
    ],
)
def test_values_are_cut_by_characters_and_never_empty(key, text, sent):
    assert wechat_message.template_value(key, text, at=NOON) == sent


@given(st.sampled_from(sorted(wechat_message.LIMITS)), st.text(max_size=80))
def test_no_value_is_longer_than_its_kind_or_empty(kind, text):
    sent = wechat_message.template_value(f"{kind}1", text, at=NOON)

    limit = 20 if kind == "name" and sent.isascii() else wechat_message.LIMITS[kind]
    assert 0 < len(sent) <= limit
    assert sent.strip() == sent or kind not in ("thing", "name")
