"""A link by which somebody pays an order: who makes it, what opening it does, and that guessing finds nothing."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import time_machine

from countersign.orders.changes import OrderKey
from countersign.store import OrderStore
from countersign.store.payment_links import MOST_SECONDS, USUAL_SECONDS, WRONG_PER_MINUTE
from tests.cashiers.world import Cashiers
from tests.functions.conftest import MERCHANT_API, SCOPES, http_event
from tests.platforms.bigcommerce.app.world import NOW, STORE, AppWorld, store_order

Paying = tuple[AppWorld, Cashiers]
ROUTE = "/orders/{platform}/{account}/{order_id}/payment-link"
KEY = OrderKey("bigcommerce", STORE, "10400")


def ask(world: AppWorld, method: str, body: Any = None, *, order_id: str = "10400", **claims: str) -> tuple[int, Any]:
    names = {"platform": "bigcommerce", "account": STORE, "order_id": order_id}
    event = http_event(method, ROUTE, names, claims=claims, body=json.dumps(body or {}))
    answer = world.cloud.invoke(MERCHANT_API, event)
    return answer["statusCode"], json.loads(answer["body"])


def recorded(world: AppWorld) -> None:
    """Have the order recorded, as a shopper's page that asks for its payment has it."""
    cart = world.there.orders["10400"]["cart_id"]
    body = json.dumps({"store_hash": STORE, "order_id": 10400, "cart_id": cart})
    origin = {"origin": "https://shop.example.com"}
    assert world.call("payments", method="POST", body=body, **origin)["statusCode"] == 200


def linked(paying: Paying, **wish: int) -> str:
    """Return the token of a new link of the order."""
    world, _ = paying
    if OrderStore(world.cloud.dynamodb, "Orders").get(KEY) is None:
        recorded(world)
    status, answer = ask(world, "POST", wish)
    assert status == 201, answer
    return str(answer["url"].rpartition("/")[2])


def go(paying: Paying, token: str, method: str = "GET", *, address: str = "203.0.113.9", app: str = "app") -> Any:
    """Open a link, or press its button."""
    route = "/bigcommerce/{app}/pay/{token}"
    event = http_event(method, route, {"app": app, "token": token}, headers={"origin": "https://pay.example.com"})
    event["requestContext"]["http"]["sourceIp"] = address
    return paying[0].cloud.invoke(MERCHANT_API, event)


def payments_of(paying: Paying) -> list[Any]:
    return list(paying[1].make("ledger", "hc1/main")["payments"])


def story(world: AppWorld) -> list[tuple[str, int | None]]:
    names = {"platform": "bigcommerce", "account": STORE, "order_id": "10400"}
    route = "/orders/{platform}/{account}/{order_id}/timeline"
    answer = world.cloud.invoke(MERCHANT_API, http_event("GET", route, names))
    rows = reversed(json.loads(answer["body"])["timeline"])
    return [(row["what"], row["times"]) for row in rows if row["type"] == "payment_link"]


class TestMakingOne:
    def test_it_lives_three_days_and_two_weeks_at_most(self, paying: Paying) -> None:
        recorded(paying[0])
        for wish, seconds in (({}, USUAL_SECONDS), ({"expires_in": MOST_SECONDS}, MOST_SECONDS)):
            status, answer = ask(paying[0], "POST", wish)
            assert status == 201
            assert re.fullmatch(r"https://pay\.example\.com/bigcommerce/app/pay/[0-9a-f]{64}", answer["url"])
            until = datetime.fromtimestamp(NOW + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            assert answer["expires_at"] == until
        for wrong in (MOST_SECONDS + 1, 0, -1, 299, True, "3600", 1e9):
            assert ask(paying[0], "POST", {"expires_in": wrong})[0] == 400

    def test_it_needs_its_scope_and_an_order_that_waits(self, paying: Paying) -> None:
        recorded(paying[0])

        assert ask(paying[0], "POST", scope=SCOPES.replace("payments:link ", ""))[0] == 403
        assert ask(paying[0], "POST", order_id="99999")[0] == 404
        assert ask(paying[0], "POST", accounts="[wechat/shop]")[0] == 404

    def test_an_account_without_an_app_has_none(self, paying: Paying) -> None:
        recorded(paying[0])
        paying[0].say("uninstall")

        assert ask(paying[0], "POST")[0] == 409

    def test_only_its_digest_is_kept(self, paying: Paying) -> None:
        token = linked(paying)
        tables = [paying[0].cloud.dynamodb.scan(TableName=name)["Items"] for name in ("Orders", "Idempotency")]

        assert token not in json.dumps(tables, default=repr)


class TestOpeningIt:
    def test_it_shows_shop_number_amount_and_a_button_and_creates_nothing(self, paying: Paying) -> None:
        token = linked(paying)
        made = len(payments_of(paying))
        asked = len(paying[0].there.sent)

        pages = [go(paying, token) for _ in range(5)]

        assert {page["statusCode"] for page in pages} == {200}
        for told in ("shop.example.com", "10400", "88.00 USD", "<button>"):
            assert told in pages[0]["body"]
        assert "example.com" not in pages[0]["body"].replace("shop.example.com", "")
        assert (len(payments_of(paying)), len(paying[0].there.sent)) == (made, asked)
        policy = pages[0]["headers"]["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy and "frame-ancestors 'none'" in policy

    def test_the_button_leads_to_the_one_open_payment_however_old_the_order_is(
        self, paying: Paying, clock: time_machine.Traveller
    ) -> None:
        token = linked(paying, expires_in=MOST_SECONDS)
        clock.shift(3 * 86400)

        answers = [go(paying, token, "POST") for _ in range(3)]

        assert {answer["statusCode"] for answer in answers} == {303}
        [location] = {answer["headers"]["location"] for answer in answers}
        assert location.startswith("http://127.0.0.1:1/cashier/")
        open_ones = [one for one in payments_of(paying) if one["status"] == "PENDING"]
        assert [one["amount"] for one in open_ones] == [{"value": 8800, "currency": "USD"}]

    def test_the_amount_is_the_stores_and_what_it_closed_meanwhile_is_not_paid(self, paying: Paying) -> None:
        token = linked(paying)
        paying[0].there.orders["10400"] = store_order(status_id=5)

        answer = go(paying, token, "POST")

        assert answer["statusCode"] == 200 and "<button>" not in answer["body"]

    def test_what_was_done_with_it_is_in_the_orders_story(self, paying: Paying, clock: time_machine.Traveller) -> None:
        token = linked(paying)
        for method in ("GET", "GET", "POST"):
            clock.shift(10)
            go(paying, token, method)
        clock.shift(10)
        ask(paying[0], "DELETE")

        assert story(paying[0]) == [("made", None), ("opened", 2), ("used", 1), ("ended", None)]


class TestOneThatDoesNotLive:
    def bodies(self, paying: Paying, *tokens: str) -> set[str]:
        return {re.sub(r'nonce="[0-9a-f]+"', "", go(paying, token)["body"]) for token in tokens}

    def test_replaced_ended_over_and_never_made_look_alike(self, paying: Paying, clock: time_machine.Traveller) -> None:
        replaced, ended = linked(paying), linked(paying)
        assert go(paying, replaced)["statusCode"] == 404
        assert ask(paying[0], "DELETE") == (200, {"ended": True})
        assert ask(paying[0], "DELETE") == (200, {"ended": False})
        over = linked(paying, expires_in=300)
        clock.shift(300)

        tokens = [replaced, ended, over, "0" * 64, "short", "../x"]
        assert {go(paying, token, method)["statusCode"] for token in tokens for method in ("GET", "POST")} == {404}
        assert len(self.bodies(paying, *tokens[:3], "0" * 64)) == 1

    def test_another_apps_address_opens_nothing(self, paying: Paying) -> None:
        assert go(paying, linked(paying), app="other")["statusCode"] == 404

    def test_who_guesses_is_stopped_and_others_are_not(self, paying: Paying, clock: time_machine.Traveller) -> None:
        token = linked(paying)
        answers = [go(paying, f"{number:064x}", "POST" if number % 2 else "GET") for number in range(25)]

        statuses = [answer["statusCode"] for answer in answers]
        assert statuses == [404] * WRONG_PER_MINUTE + [429] * (25 - WRONG_PER_MINUTE)
        assert go(paying, token, address="198.51.100.7")["statusCode"] == 200
        clock.shift(60)
        assert go(paying, token)["statusCode"] == 200


def test_a_paid_order_says_so_and_takes_no_second_payment(paying: Paying, clock: time_machine.Traveller) -> None:
    token = linked(paying)
    [payment] = payments_of(paying)
    paying[1].make("pay", "hc1/main", reference=payment["merchant_payment_id"], notify=False)
    clock.shift(60)
    paying[0].cloud.invoke("cashier_poll", {"source": "aws.scheduler"}, remaining_ms=900_000)

    answer = go(paying, token, "POST")

    assert (answer["statusCode"], len(payments_of(paying))) == (200, 1)
    assert "is paid" in answer["body"] and "<button>" not in answer["body"]


def test_the_page_speaks_the_browsers_language(paying: Paying) -> None:
    token = linked(paying)
    event = http_event("GET", "/bigcommerce/{app}/pay/{token}", {"app": "app", "token": token})
    event["headers"]["accept-language"] = "zh-CN,zh;q=0.9"

    assert "立即付款" in paying[0].cloud.invoke(MERCHANT_API, event)["body"]
