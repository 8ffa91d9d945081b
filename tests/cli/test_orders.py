"""Orders, refunds and charges: what is asked of the API, what is printed, and what is confirmed first."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from countersign_cli import profiles
from countersign_cli.profiles import Profile
from tests.cli.conftest import Fakes, order

ACCOUNTS = {"accounts": [{"account": "wechat/shop"}, {"account": "douyin/app"}]}
REFUND = {
    "platform": "wechat",
    "account": "shop",
    "order_id": "A-1",
    "refund_id": "rf1",
    "status": "requested",
    "amount": {"minor": 3000, "currency": "CNY"},
    "reason": "leaked",
    "problem": None,
    "requested_by": "ann",
    "requested_at": "2026-11-30T01:00:00Z",
    "platform_refund_id": None,
}


@pytest.fixture
def shop(fakes: Fakes) -> Fakes:
    fakes.on("GET /accounts", ACCOUNTS)
    fakes.on("GET /orders/wechat/shop/A-1", order(refunds=[REFUND], review=[]))
    return fakes


def listed(asked: Any) -> Any:
    """Give two pages of one account and nothing of the other."""
    if asked.query["account"] != "wechat/shop" or asked.query.get("cursor") == "c2":
        return {"orders": [], "cursor": "c2"}
    if "cursor" in asked.query:
        return {"orders": [order("A-3", updated_at="2026-11-29T01:00:00Z")], "cursor": "c2"}
    return {"orders": [order("A-1"), order("A-2", "pending", description="=1+1")], "cursor": "c1"}


def test_all_pages_of_all_accounts_are_one_list_newest_first(shop: Fakes) -> None:
    shop.on("GET /orders", listed)

    result = shop.run("orders", "list", "--all", "-o", "ids")

    assert result.stdout.split() == ["wechat/shop/A-1", "wechat/shop/A-2", "wechat/shop/A-3"]


def test_a_list_stops_at_what_was_wanted(shop: Fakes) -> None:
    shop.on("GET /orders", listed)

    assert len(shop.run("orders", "list", "--limit", "1", "-o", "ids").stdout.split()) == 1
    assert {one.query["limit"] for one in shop.calls("GET /orders")} == {"1"}


def test_filters_are_the_apis_and_a_time_is_filtered_to_the_second(shop: Fakes) -> None:
    shop.on("GET /orders", listed)

    result = shop.run("orders", "list", "--account", "shop", "--to-ship", "--since", "2h", "-o", "ids")

    asked = shop.calls("GET /orders")[0].query
    assert {name: asked[name] for name in ("account", "work", "from", "sort")} == {
        "account": "wechat/shop",
        "work": "to_ship",
        "from": "2026-11-30",
        "sort": "-updated",
    }
    assert result.stdout.split() == ["wechat/shop/A-1", "wechat/shop/A-2"]


def test_csv_is_a_table_whose_cells_are_no_formulas(shop: Fakes) -> None:
    shop.on("GET /orders", listed)

    rows = list(csv.DictReader(io.StringIO(shop.run("orders", "list", "-o", "csv").stdout)))

    assert [row["amount"] for row in rows] == ["88.00 CNY"] * 3
    assert rows[1]["description"] == "'=1+1"


def test_json_is_the_apis_rows(shop: Fakes) -> None:
    shop.on("GET /orders", listed)

    assert json.loads(shop.run("orders", "list", "-o", "json", "--limit", "2").stdout)[0] == order("A-1")


@pytest.mark.parametrize("form", [[], ["-o", "json"], ["-o", "csv"], ["-o", "ids"]])
def test_nothing_but_the_answer_is_on_standard_output(shop: Fakes, form: list[str]) -> None:
    shop.on("GET /orders", {"orders": [], "cursor": None})

    result = shop.run("orders", "list", *form)

    assert result.exit_code == 0
    assert result.stdout in ("", "[]\n", "order,status,amount,paid,refunded,shipping,updated,description\n")


def test_no_colour_is_sent_into_a_pipe(shop: Fakes) -> None:
    shop.on("GET /orders", listed)

    assert "\x1b" not in shop.run("orders", "list").stdout


def test_an_account_that_is_not_one_is_named_with_those_there_are(shop: Fakes) -> None:
    result = shop.run("orders", "list", "--account", "shopp")

    assert result.exit_code == 3
    assert "wechat/shop, douyin/app" in result.stderr


def test_a_shipment_is_what_was_said_and_no_more(shop: Fakes) -> None:
    shop.on("POST /orders/wechat/shop/A-1/shipments", {"number": 1}, 201)

    result = shop.run("orders", "ship", "wechat/shop/A-1", "--carrier", "YTO", "--number", "YT1", "--more-follows")

    [sent] = shop.calls("POST /orders/wechat/shop/A-1/shipments")
    assert result.exit_code == 0
    assert sent.json == {"carrier": "YTO", "tracking_no": "YT1", "complete": False}
    assert sent.headers["idempotency-key"]


def test_who_waits_hears_the_answer(shop: Fakes) -> None:
    shop.on("POST /orders/wechat/shop/A-1/refresh", {}, 202)
    shop.on("GET /orders/wechat/shop/A-1/explanation", {"next": [{"code": "next.nothing"}]})

    result = shop.run("orders", "ask", "wechat/shop/A-1", "--wait")

    assert (result.exit_code, result.stdout) == (0, "the platform has answered: paid\n")


class TestRefunds:
    def test_an_amount_is_minor_units_of_the_orders_currency(self, shop: Fakes) -> None:
        shop.on("POST /orders/wechat/shop/A-1/refunds", REFUND, 201)

        result = shop.run("refunds", "ask", "wechat/shop/A-1", "30", "--reason", "leaked", "--key", "k-1")

        [sent] = shop.calls("POST /orders/wechat/shop/A-1/refunds")
        assert sent.json == {"amount": {"minor": 3000, "currency": "CNY"}, "reason": "leaked"}
        assert sent.headers["idempotency-key"] == "k-1"
        assert "somebody else must approve" in result.stdout

    @pytest.mark.parametrize("amount", ["1.001", "-1", "1e3", "", "abc"])
    def test_what_is_no_amount_is_misuse_and_nothing_is_sent(self, shop: Fakes, amount: str) -> None:
        assert shop.run("refunds", "ask", "wechat/shop/A-1", "--", amount).exit_code == 2
        assert shop.calls("POST /orders/wechat/shop/A-1/refunds") == []

    def test_the_amount_that_was_seen_goes_with_the_approval(self, shop: Fakes) -> None:
        shop.on("GET /search", {"found": [{"order": {"platform": "wechat", "account": "shop", "order_id": "A-1"}}]})
        shop.on("POST /orders/wechat/shop/A-1/refunds/rf1/approve", REFUND)

        assert shop.run("refunds", "approve", "rf1", "-o", "ids").stdout == "rf1\n"
        [sent] = shop.calls("POST /orders/wechat/shop/A-1/refunds/rf1/approve")
        assert sent.json == {"amount": {"minor": 3000, "currency": "CNY"}}

    def test_the_rule_is_the_apis(self, shop: Fakes) -> None:
        shop.on("GET /search", {"found": [{"order": {"platform": "wechat", "account": "shop", "order_id": "A-1"}}]})
        why = "you asked for this refund; somebody else must decide"
        shop.refuse("POST /orders/wechat/shop/A-1/refunds/rf1/approve", 403, "another_person_needed", why)

        result = shop.run("refunds", "approve", "rf1")

        assert (result.exit_code, result.stderr) == (4, f"refused: {why}\n")

    def test_a_list_waits_for_whom_it_says(self, shop: Fakes) -> None:
        shop.on("GET /refunds", {"refunds": [REFUND], "cursor": None})

        assert "rf1" in shop.run("refunds", "list", "--to-approve").stdout
        assert shop.calls("GET /refunds")[0].query["status"] == "requested"


class TestProduction:
    """Where money is real the amount is said again."""

    @pytest.fixture
    def live(self, shop: Fakes) -> Fakes:
        profiles.write(shop.home, Profile("prod", api_url="https://api.example", token_url="https://id.example/t"))
        shop.environ |= {"COUNTERSIGN_CLIENT_ID": "id", "COUNTERSIGN_CLIENT_SECRET": "the-secret-of-the-machine"}
        shop.on("POST /t", {"access_token": "machine", "expires_in": 3600})
        shop.on("POST /orders/wechat/shop/A-1/refunds", REFUND, 201)
        return shop

    def ask(self, live: Fakes, *more: str) -> Any:
        return live.run("refunds", "ask", "wechat/shop/A-1", *more, sandbox=False)

    def test_without_a_person_the_amount_is_an_option(self, live: Fakes) -> None:
        assert self.ask(live, "30.00").exit_code == 4
        assert self.ask(live, "30.00", "--yes-amount", "3.00").exit_code == 4
        assert live.calls("POST /orders/wechat/shop/A-1/refunds") == []
        assert self.ask(live, "30.00", "--yes-amount", "30.00").exit_code == 0

    def test_all_that_is_left_is_not_asked_for(self, live: Fakes) -> None:
        assert self.ask(live).exit_code == 2

    def test_a_profile_that_says_so_is_no_production(self, live: Fakes) -> None:
        profiles.write(
            live.home,
            Profile("prod", api_url="https://api.example", token_url="https://id.example/t", production=False),
        )

        assert self.ask(live, "30.00").exit_code == 0

    def test_nothing_is_triggered_there(self, live: Fakes) -> None:
        result = live.run("trigger", "wechat", "paid", "--order", "wechat/shop/A-1", sandbox=False)

        assert result.exit_code == 4
        assert live.asked == []


class TestCharges:
    CHARGE: dict[str, Any] = order(
        "990", "failed", platform="recharge", account="store", charge={"status": "error", "group": "customer"}
    )

    def test_accounts_without_charges_are_passed_over(self, fakes: Fakes) -> None:
        fakes.on("GET /accounts", {"accounts": [{"account": "wechat/shop"}, {"account": "recharge/store"}]})

        def charges(asked: Any) -> Any:
            if asked.query["account"] == "wechat/shop":
                return {"code": "no_charges", "status": 404, "detail": "no"}
            return {"charges": [self.CHARGE], "cursor": None}

        fakes.on("GET /charges", charges)
        result = fakes.run("charges", "list", "--account", "recharge/store", "-o", "ids")

        assert result.stdout == "recharge/store/990\n"

    def test_a_try_is_asked_for_once(self, fakes: Fakes) -> None:
        fakes.on("GET /orders/recharge/store/990", self.CHARGE)
        fakes.on("POST /charges/store/990/retry", {}, 202)

        assert fakes.run("charges", "retry", "recharge/store/990").exit_code == 0
        assert len(fakes.calls("POST /charges/store/990/retry")) == 1

    def test_an_order_is_no_charge(self, fakes: Fakes) -> None:
        fakes.on("GET /orders/wechat/shop/A-1", order())

        assert fakes.run("charges", "retry", "wechat/shop/A-1").exit_code == 2
