"""An app comes into a shop: who may bring it there, what is kept, and what a merchant is shown."""

import json
import random
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import time_machine
from moto import mock_aws

from countersign.workers import scan
from tests.platforms.shopify.installing import NUMBER, PAGE, accounts, agreed, grants, install, only_app, opened, visit
from tests.platforms.shopify.world import APP, SHOP, Json, Shopify, shopify


@pytest.fixture
def empty(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
    """Return one stack with an app that is in no shop yet, and may be installed in one."""
    monkeypatch.setattr(scan, "WRITERS", 1)
    monkeypatch.setenv("SHOPPER_BASE_URL", PAGE)
    with mock_aws(), shopify(clock, only_app()) as made:
        yield made


class TestTheWayIn:
    def test_a_merchant_is_led_to_the_page_of_the_shop_that_asks(self, empty: Shopify) -> None:
        answer = opened(empty)

        there = urlsplit(answer["headers"]["location"])
        asked = dict(parse_qsl(there.query))
        assert (answer["statusCode"], there.path) == (302, f"/shopify/{SHOP}/admin/oauth/authorize")
        assert asked["scope"] == "read_orders"
        assert asked["redirect_uri"] == f"{PAGE}/shopify/{APP}/authorized"
        [cookie] = SimpleCookie(answer["cookies"][0]).values()
        assert cookie.key.startswith("__Host-")
        assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")

    def test_what_is_kept_can_be_read_by_nobody_who_has_the_table_alone(self, empty: Shopify) -> None:
        page = install(empty)

        assert page["statusCode"] == 200, page
        [row] = grants(empty)
        chain = empty.shop().installation.chain
        shown = json.dumps([dict(one) for one in empty.cloud.table()], default=str)
        assert (row["number"]["S"], row["scopes"]["S"]) == (NUMBER, "read_orders")
        assert not [token for token in (*chain.access, chain.refresh[-1].token) if token in shown]

    def test_the_page_says_what_works_and_runs_nothing(self, empty: Shopify) -> None:
        page = install(empty)

        assert SHOP in page["body"]
        assert "https://pay.example.com/shopify/app/webhook" in page["body"]
        assert "read_all_orders" in page["body"]
        policy = page["headers"]["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy
        assert "<script" not in page["body"]
        assert page["headers"]["referrer-policy"] == "no-referrer"
        assert page["headers"]["cache-control"] == "no-store"

    def test_after_an_installation_deliveries_are_taken_and_the_list_is_read(self, empty: Shopify) -> None:
        install(empty)
        empty.make("create")

        assert empty.carry() == [200, 200, 200]
        [sold] = empty.shop().orders.values()
        empty.agrees(sold)
        later = empty.make("create")
        empty.posted.clear()
        empty.run("scan", 600)
        empty.agrees(later)

    def test_an_account_is_listed_as_soon_as_it_is_installed(self, empty: Shopify) -> None:
        install(empty)

        listed = {one["account"]: one["health"]["authorization"] for one in accounts(empty)}
        assert (f"shopify/{SHOP}", None) in listed.items()

    def test_a_scope_that_was_not_given_is_named_and_who_may_write_may_read(
        self, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPPER_BASE_URL", PAGE)
        wanted = ["read_orders", "read_fulfillments", "read_all_orders"]
        with mock_aws(), shopify(clock, only_app(scopes=wanted)) as world:
            query, cookies = agreed(world, opened(world))
            world.shop().installation.scopes = ("write_orders", "read_all_orders")
            page = visit(world, "authorized", query, cookies)

            assert "not given read_fulfillments." in page["body"]
            assert "reads all orders" in page["body"]

    def test_where_shopify_has_no_answer_after_the_code_was_used_nothing_is_lost(self, empty: Shopify) -> None:
        query, cookies = agreed(empty, opened(empty))
        empty.wire.simulator.faults({"error500": {"match": "graphql", "count": 40}})
        page = visit(empty, "authorized", query, cookies)
        assert page["statusCode"] == 200
        assert "every ten minutes" in page["body"]

        empty.wire.simulator.faults({"clear": True})
        empty.run("guard", 600)
        assert [row["number"]["S"] for row in grants(empty)] == [NUMBER]
        empty.make("create")
        assert set(empty.carry()) == {200}
        empty.agrees(next(iter(empty.shop().orders.values())))

    def test_a_token_without_an_end_is_kept_and_the_page_says_so(
        self, empty: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tokens = empty.wire.simulator.oauth.tokens
        monkeypatch.setattr(
            empty.wire.simulator.oauth,
            "tokens",
            lambda host, wanted, now: tokens(host, wanted | {"expiring": "0"}, now),
        )

        assert "has no end" in install(empty)["body"]
        empty.run("scan", 40 * 86_400)
        assert "mutation Token(" not in str(empty.asked())


class TestWhoMayNot:
    def test_a_visit_that_shopify_did_not_sign_leads_nowhere(self, empty: Shopify) -> None:
        genuine = empty.ask("install_link", app=APP)["query"]
        spoilt = [
            urlencode(dict(parse_qsl(genuine)) | {"shop": "evil.myshopify.com"}),
            genuine.replace("hmac=", "hmac=0"),
            genuine + "&shop=other.myshopify.com",
            genuine + "&extra=1",
            urlencode({"shop": SHOP}),
            "",
            "%ff" * 200,
        ]

        answers = [visit(empty, "install", query) for query in spoilt]
        assert {one["statusCode"] for one in answers} == {401}
        assert not [one for one in answers if "location" in one["headers"] or "cookies" in one]

    def test_a_visit_is_good_for_ninety_seconds(self, empty: Shopify) -> None:
        query = empty.ask("install_link", app=APP)["query"]
        empty.cloud.clock.shift(90)
        assert visit(empty, "install", query)["statusCode"] == 302
        empty.cloud.clock.shift(1)
        assert visit(empty, "install", query)["statusCode"] == 401

    def test_a_shop_that_nobody_allowed_may_not_install(self, empty: Shopify) -> None:
        answer = opened(empty, "strange.myshopify.com")

        assert answer["statusCode"] == 403
        assert "allowed_shops" in answer["body"]
        query, cookies = agreed(empty, opened(empty))
        back = dict(parse_qsl(query))  # the code of a shop that is allowed, shown for another one
        back["shop"] = "strange.myshopify.com"
        assert visit(empty, "authorized", urlencode(back), cookies)["statusCode"] == 401
        assert grants(empty) == []

    @pytest.mark.parametrize("changes", [{"install": "token"}, {"install": "client_credentials"}, {"client_id": ""}])
    def test_an_app_that_is_not_installed_this_way_cannot_be(
        self, clock: time_machine.Traveller, changes: Json
    ) -> None:
        with mock_aws(), shopify(clock, only_app(**changes)) as world:
            expected = 503 if "client_id" in changes else 404
            assert opened(world)["statusCode"] == expected
            assert visit(world, "authorized", "", ())["statusCode"] == expected

    def test_an_app_that_nobody_knows_has_a_page_that_says_so(self, empty: Shopify) -> None:
        assert visit(empty, "install", "shop=x", app="nobodys")["statusCode"] == 404

    def test_a_code_is_taken_from_the_browser_alone_in_which_the_installation_was_begun(self, empty: Shopify) -> None:
        query, cookies = agreed(empty, opened(empty))
        _, others = agreed(empty, opened(empty))

        empty.wire.sent.clear()
        for stolen in ((), others, ("__Host-countersign-install=",)):
            assert visit(empty, "authorized", query, stolen)["statusCode"] == 401
        assert empty.wire.sent == []
        assert visit(empty, "authorized", query, cookies)["statusCode"] == 200

    def test_a_state_is_good_once(self, empty: Shopify) -> None:
        query, cookies = agreed(empty, opened(empty))
        assert visit(empty, "authorized", query, cookies)["statusCode"] == 200
        before = grants(empty)

        assert visit(empty, "authorized", query, cookies)["statusCode"] == 401
        assert grants(empty) == before

    def test_who_looks_at_the_page_too_long_begins_anew(self, empty: Shopify) -> None:
        answer = opened(empty)
        empty.cloud.clock.shift(601)

        page = visit(empty, "authorized", *agreed(empty, answer))
        assert page["statusCode"] == 401
        assert "from the shop&#x27;s admin once more" in page["body"]

    def test_a_code_that_is_good_for_nothing_changes_nothing(self, empty: Shopify) -> None:
        install(empty)
        before = grants(empty)
        query, cookies = agreed(empty, opened(empty))
        empty.wire.simulator.oauth._codes.clear()

        assert visit(empty, "authorized", query, cookies)["statusCode"] == 401
        assert grants(empty) == before

    def test_under_a_name_that_was_another_shops_nothing_is_let_in(self, empty: Shopify) -> None:
        install(empty)
        empty.shop().installation.shop_id += 1

        assert install(empty)["statusCode"] == 409
        [row] = grants(empty)
        assert (row["number"]["S"], "sealed" in row) == (NUMBER, False)
        health = next(one["health"] for one in accounts(empty) if one["account"] == f"shopify/{SHOP}")
        assert health["authorization"]["because"] == "another_shop"

    def test_what_a_merchant_is_shown_repeats_nothing_of_what_came(self, empty: Shopify) -> None:
        page = visit(empty, "install", "shop=%3Cscript%3Ealert(1)%3C/script%3E&hmac=%3Cb%3E")

        assert page["statusCode"] == 401
        assert "alert" not in page["body"]

    def test_five_hundred_visits_changed_anywhere_write_nothing_and_ask_nobody(self, empty: Shopify) -> None:
        install(empty)
        query, cookies = agreed(empty, opened(empty))
        genuine = {"install": empty.ask("install_link", app=APP)["query"], "authorized": query}
        before = empty.rows()
        empty.wire.sent.clear()
        chance = random.Random(11)
        for _ in range(500):
            page = chance.choice(sorted(genuine))
            text = genuine[page]
            at, to = sorted(chance.randint(0, len(text)) for _ in range(2))
            junk = chance.choice(
                ["", "&", "=", "%", "%00", "%F0%9F", "hmac=", "&ids[]=1", "\ud800", "é", "0" * 5000, "+", ";"]
            )
            changed = text[:at] + junk + text[chance.choice((at, to, at + 1)) :]
            if parse_qsl(changed, keep_blank_values=True) == parse_qsl(text):  # as good as it was
                continue
            sent: tuple[str, ...] = chance.choice([cookies, (), ("=",), ("\x00",), ("__Host-countersign-install=é",)])
            assert visit(empty, page, changed, sent)["statusCode"] == 401, changed

        assert empty.rows() == before
        assert empty.wire.sent == []
