"""What the storefront script does, in tabs of a made-up browser that Node runs: `browser.mjs`.

A real browser's layout, policies and cookies are not in it; `make browser` is for those.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node, which runs the storefront script here, is not on PATH")
HERE = Path(__file__).parent
SCRIPT = Path("layers/common/countersign/platforms/bigcommerce/script.js")
STORE_ORDER, CREATE, STATUS = "/api/storefront/orders/10400", "payments", "payments/status"
KEY = "countersign:g5cd38wq1:10400"
CASHIER = "https://cashier.example.com/c/1"
Json = dict[str, Any]


def answer(body: Json, status: int = 200, **headers: str) -> Json:
    return {"status": status, "body": body, "headers": {name.replace("_", "-"): text for name, text in headers.items()}}


WAITS = answer(
    {"cartId": "a8458391-ef68-4fe5-9ec1-442e6a767364", "customerId": 0, "payments": [{"description": "OKCloud Pay"}]}
)
BACK = {"url": "https://shop.example.com/checkout/order-confirmation/10400?hc_payment=bc-1&x=2"}
WENT = {"token": "t1", "went": True}
CREATED = answer({"status": "CREATED", "cashier_url": CASHIER, "status_token": "t1"})


def run(
    tabs: int | list[Json], *, clicks: tuple[int, ...] = (), storage: Json | None = None, **replies: Any
) -> list[Any]:
    """Open tabs one after the other and let ten minutes pass; returns what each did."""
    known = {STORE_ORDER: [WAITS], CREATE: [CREATED], STATUS: [answer({"status": "PENDING"})]}
    names = {"order": STORE_ORDER, "create": CREATE, "status": STATUS, "jwt": "/customer/current.jwt"}
    wanted = {
        "tabs": [{}] * tabs if isinstance(tabs, int) else tabs,
        "clicks": clicks,
        "storage": {KEY: storage} if storage else {},
        "replies": known | {names[name]: said for name, said in replies.items()},
    }
    done = subprocess.run(
        [str(NODE), str(HERE / "browser.mjs"), str(SCRIPT), json.dumps(wanted)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found: list[Any] = json.loads(done.stdout)
    assert all(not tab["errors"] and not tab["globals"] for tab in found), found
    return found


def called(tab: Json, name: str) -> list[Json]:
    return [call for call in tab["calls"] if call["name"] == name]


class TestTheFirstVisit:
    def test_the_shopper_is_taken_to_the_cashier_and_the_button_is_there_meanwhile(self) -> None:
        [tab] = run(1)

        [call] = called(tab, CREATE)
        assert call["body"] == {
            "store_hash": "g5cd38wq1",
            "order_id": 10400,
            "cart_id": json.loads(json.dumps(WAITS))["body"]["cartId"],
        }
        assert (call["method"], call["credentials"]) == ("POST", "omit")
        assert tab["assigned"] == [CASHIER]
        assert tab["payable"]

    def test_who_is_signed_in_brings_bigcommerces_word(self) -> None:
        [tab] = run([{"data": {"customer": "4927"}}], jwt=[{"status": 200, "text": " aa.bb.cc\n"}])

        assert called(tab, CREATE)[0]["body"]["customer_jwt"] == "aa.bb.cc"

    def test_a_guest_asks_nobody_for_one(self) -> None:
        [tab] = run(1)

        assert not called(tab, "/customer/current.jwt")

    @pytest.mark.parametrize("tab", [{"data": {"order": "{{checkout.order.id}}"}}, {"data": {"order": ""}}])
    def test_a_template_that_filled_in_nothing_leaves_the_address(self, tab: Json) -> None:
        assert run([tab])[0]["assigned"] == [CASHIER]

    def test_without_any_number_it_does_nothing(self) -> None:
        [tab] = run([{"data": {"order": ""}, "url": "https://shop.example.com/checkout/order-confirmation"}])

        assert not tab["calls"] and tab["said"] is None

    @pytest.mark.parametrize("order", [[{"status": 401}], [answer({"payments": [{"description": "Cash"}]})]])
    def test_another_method_or_another_shoppers_order_is_left_alone(self, order: Any) -> None:
        [tab] = run(1, order=order)

        assert not called(tab, CREATE) and tab["said"] is None

    @pytest.mark.parametrize(
        "tab",
        [
            {"visibility": "hidden"},
            {"navigation": "reload"},
            {"navigation": "back_forward"},
            {"url": "https://shop.example.com/checkout/order-confirmation/10400?orderToken=x"},
        ],
    )
    def test_a_page_that_was_not_just_come_to_asks_before_it_sends_anybody_away(self, tab: Json) -> None:
        assert not run([tab])[0]["assigned"]
        assert run([tab], clicks=(0,))[0]["assigned"] == [CASHIER]

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "http://cashier.example.com/", "//x", "", None])
    def test_nobody_is_sent_to_an_address_that_is_not_safe(self, url: str | None) -> None:
        [tab] = run(1, create=[answer({"status": "CREATED", "cashier_url": url, "status_token": "t1"})])

        assert not tab["assigned"]

    def test_a_slow_cashier_is_waited_for(self) -> None:
        [tab] = run(1, create=[answer({}, 503, retry_after="5"), answer({}, 503), CREATED])

        assert tab["assigned"] == [CASHIER]

    def test_a_cashier_that_does_not_come_leaves_a_button(self) -> None:
        [tab] = run(1, create=[answer({}, 503)])

        assert not tab["assigned"] and tab["payable"]
        assert len(called(tab, CREATE)) == 4

    @pytest.mark.parametrize("status", [404, 409, 422])
    def test_an_order_that_is_not_to_be_paid_has_no_button(self, status: int) -> None:
        [tab] = run(1, create=[answer({"error": {"code": "order_closed"}}, status)])

        assert "no longer" in tab["said"] and not tab["payable"]
        assert len(called(tab, CREATE)) == 1

    def test_an_order_that_is_paid_says_so(self) -> None:
        [tab] = run(1, create=[answer({"status": "PAID", "status_token": "t1"})])

        assert tab["said"].startswith("Your payment has arrived") and not tab["assigned"]


class TestComingBack:
    def test_it_asks_until_it_knows_and_no_longer(self) -> None:
        late = [answer({"status": "PENDING"})] * 10 + [answer({"status": "PAID"})]
        [tab] = run([BACK], storage=WENT, status=late)

        assert tab["said"].startswith("Your payment has arrived") and not tab["payable"]
        assert [call["token"] for call in called(tab, STATUS)] == ["Bearer t1"] * 11
        assert tab["replaced"].endswith("/10400?x=2")
        assert not tab["assigned"] and not called(tab, CREATE)

    def test_B5_a_shopper_asks_25_times_at_most(self) -> None:
        [tab] = run([BACK], storage=WENT)

        assert len(called(tab, STATUS)) == 25
        assert "e-mail" in tab["said"] and tab["payable"]

    @pytest.mark.parametrize("status", ["FAILED", "EXPIRED"])
    def test_a_payment_that_failed_can_be_tried_again(self, status: str) -> None:
        [tab] = run([BACK], storage=WENT, status=[answer({"status": status})], clicks=(0,))

        assert tab["assigned"] == [CASHIER]

    def test_a_token_that_ended_is_renewed_once(self) -> None:
        [tab] = run([BACK], storage=WENT, status=[answer({}, 401)])

        assert (len(called(tab, CREATE)), len(called(tab, STATUS))) == (1, 2)
        assert not tab["assigned"]

    def test_back_without_a_token_it_asks_the_shopper(self) -> None:
        [tab] = run([BACK])

        assert tab["payable"] and not tab["assigned"] and not called(tab, CREATE)


class TestSeveralTabs:
    def test_B5_five_tabs_come_to_one_payment(self) -> None:
        tabs = run(5)

        assert {address for tab in tabs for address in tab["assigned"]} == {CASHIER}

    def test_B5_all_turn_paid_when_one_knows(self) -> None:
        paid = [answer({"status": "PAID"})]
        tabs = run([BACK, {"navigation": "reload"}], storage={"token": "t1"}, status=paid)

        assert all(tab["said"].startswith("Your payment has arrived") for tab in tabs)

    def test_a_browser_that_keeps_nothing_still_pays(self) -> None:
        [tab] = run([{"keepsNothing": True, "noLocks": True}])

        assert tab["assigned"] == [CASHIER]


def test_it_speaks_the_pages_language() -> None:
    [tab] = run([{"lang": "zh-CN", "navigation": "reload"}])

    assert tab["said"] == "此订单尚未付款。"


def test_the_second_of_two_tags_on_a_page_does_nothing() -> None:
    [tab] = run([{"second": True}])

    assert not tab["calls"] and tab["said"] is None
