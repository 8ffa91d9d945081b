"""`countersign explain`: the API's own codes and sentences, and nothing else where a program reads."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Fakes, order

EXPLANATION: dict[str, Any] = {
    "order_id": "A-1",
    "status": "paid",
    "summary": "Paid 88.00 CNY.",
    "summary_reasons": [{"code": "state.paid", "args": {"amount": "88.00 CNY"}}],
    "open": [],
    "resolved": [],
    "steps": [
        {
            "at": "2026-11-30T01:06:46Z",
            "said": "opened (merchant)",
            "trust": "the merchant's own side",
            "key_id": "ann",
            "decision": "applied",
            "why": "created for 88.00 CNY",
            "reasons": [{"code": "created", "args": {"amount": "88.00 CNY"}}],
            "event_id": "opened.merchant.1",
        },
        {
            "at": "2026-11-30T01:06:49Z",
            "said": "paid (notify)",
            "trust": "signed by the platform",
            "key_id": "PUB_KEY_ID_0119000000012026112200000001",
            "decision": "applied",
            "why": "paid 88.00 CNY, as the order asks\x1b[2J",
            "reasons": [{"code": "paid", "args": {"amount": "88.00 CNY"}}],
            "event_id": "paid.notify.2",
        },
    ],
    "next": [{"code": "next.to_ship", "args": {}, "text": "It waits to be sent", "at": None}],
}
FOUND = {"found": [{"matched": "order", "order": {"platform": "wechat", "account": "shop", "order_id": "A-1"}}]}


@pytest.fixture
def explained(fakes: Fakes) -> Fakes:
    fakes.on("GET /search", FOUND)
    fakes.on("GET /orders/wechat/shop/A-1", order())
    fakes.on("GET /orders/wechat/shop/A-1/explanation", EXPLANATION)
    return fakes


def test_an_order_is_explained_newest_first_with_who_said_it_and_what_is_next(explained: Fakes) -> None:
    result = explained.run("explain", "A-1")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "A-1  paid  ¥88.00    wechat/shop    (UTC+8)",
        "Paid 88.00 CNY.",
        "  09:06:49  signed by the platform  paid 88.00 CNY, as the order asks�[2J  counted  key PUB_KEY_…0001",
        "  09:06:46  the merchant's own side  created for 88.00 CNY  counted  by ann",
        "next: It waits to be sent",
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_json_is_the_apis_answer_and_nothing_else(explained: Fakes, language: str) -> None:
    result = explained.run("explain", "A-1", "--lang", language, "-o", "json")

    assert json.loads(result.stdout) == {"platform": "wechat", "account": "shop", **EXPLANATION}
    assert explained.calls("GET /orders/wechat/shop/A-1/explanation")[0].headers["accept-language"] == language


def test_chinese_is_chinese(explained: Fakes) -> None:
    result = explained.run("explain", "A-1", "--lang", "zh")

    assert result.stdout.splitlines()[0] == "A-1  已支付  ¥88.00    wechat/shop    (UTC+8)"
    assert "接下来：" in result.stdout


def test_a_number_with_its_account_is_not_searched_for(explained: Fakes) -> None:
    assert explained.run("explain", "wechat/shop/A-1", "-o", "ids").stdout == "wechat/shop/A-1\n"
    assert explained.calls("GET /search") == []


def test_only_what_was_known_by_then_is_shown(explained: Fakes) -> None:
    result = explained.run("explain", "A-1", "--at", "2026-11-30T09:06:47")

    assert "signed by the platform" not in result.stdout
    assert "created for 88.00 CNY" in result.stdout
    assert "next" not in result.stdout


def test_bytes_are_looked_at_by_the_call_that_records_it(explained: Fakes) -> None:
    events = [{"event_id": "opened.1", "digest": None}, {"event_id": "paid.notify.2", "digest": "d"}]
    explained.on("GET /orders/wechat/shop/A-1", order(events=events))
    explained.on("POST /orders/wechat/shop/A-1/events/paid.notify.2/evidence", {"base64": "PHg+", "text": "<x>"})

    assert explained.run("explain", "A-1", "--raw", "paid.notify").stdout == "<x>\n"
    assert len([one for one in explained.asked if one.method == "POST" and one.path.endswith("/evidence")]) == 1


class TestStatuses:
    def test_an_order_that_is_nowhere_is_3(self, fakes: Fakes) -> None:
        fakes.on("GET /search", {"found": []})

        result = fakes.run("explain", "GONE")

        assert (result.exit_code, result.stdout) == (3, "")
        assert "GONE" in result.stderr

    def test_a_number_of_two_orders_is_2_and_names_both(self, fakes: Fakes) -> None:
        other = {"matched": "transaction", "order": {"platform": "douyin", "account": "app", "order_id": "B"}}
        fakes.on("GET /search", {"found": [*FOUND["found"], other]})

        result = fakes.run("explain", "A-1")

        assert result.exit_code == 2
        assert "wechat/shop/A-1, douyin/app/B" in result.stderr

    @pytest.mark.parametrize(
        ("answered", "status"), [(401, 5), (403, 4), (404, 3), (409, 4), (422, 4), (429, 6), (503, 6)]
    )
    def test_a_refusal_ends_as_listed_with_the_apis_sentence(self, fakes: Fakes, answered: int, status: int) -> None:
        fakes.refuse("GET /search", answered, "some_code", "because of the reason")

        result = fakes.run("explain", "A-1")

        assert (result.exit_code, result.stdout) == (status, "")
        assert result.stderr == "refused: because of the reason\n"

    def test_the_gateways_own_words_are_told_in_ours(self, fakes: Fakes) -> None:
        fakes.on("GET /search", {"message": "Forbidden"}, 403)

        assert "lacks the scope" in fakes.run("explain", "A-1").stderr

    def test_nobody_there_is_6(self, fakes: Fakes) -> None:
        fakes.on("GET /search", ConnectionRefusedError())

        assert fakes.run("explain", "A-1").exit_code == 6

    def test_ctrl_c_is_130(self, fakes: Fakes) -> None:
        fakes.on("GET /search", KeyboardInterrupt())

        assert fakes.run("explain", "A-1").exit_code == 130

    def test_what_nobody_foresaw_tells_its_kind_and_place_and_no_value(self, fakes: Fakes) -> None:
        fakes.on("GET /search", RuntimeError("Bearer the-token-of-a-person"))

        result = fakes.run("explain", "A-1")

        assert result.exit_code == 6
        assert "RuntimeError at conftest.py:" in result.stderr
        assert "the-token" not in result.output

    def test_no_deployment_at_all_is_5(self, fakes: Fakes) -> None:
        assert fakes.run("explain", "A-1", sandbox=False).exit_code == 5
