"""A shop's tokens are renewed by one process at a time, survive lost answers, and are left alone once they are over."""

import importlib
import json
from collections.abc import Iterator

import pytest
import time_machine
from moto import mock_aws

from countersign.platforms.shopify import connector
from countersign.workers import scan
from tests.functions.conftest import http_event
from tests.platforms.shopify.installing import PAGE, accounts, grants, install, only_app
from tests.platforms.shopify.world import APP, NOW, SHOP, Json, Shopify, documents, shopify

HOUR, DAY = 3600, 86_400
LATE = 50 * 60  # seconds: four fifths of an access token's hour are over


@pytest.fixture
def shop(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
    """Return one stack whose app was installed in a shop."""
    _patient(monkeypatch)
    with mock_aws(), shopify(clock, only_app()) as made:
        assert install(made)["statusCode"] == 200
        made.wire.sent.clear()
        yield made


def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "WRITERS", 1)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setenv("SHOPPER_BASE_URL", PAGE)


def renewals(world: Shopify) -> int:
    """Return how often Shopify was asked for new tokens since this was asked last."""
    found = sum("refresh_token" in one for one in world.wire.sent)
    world.wire.sent.clear()
    return found


def authorization(world: Shopify) -> Json | None:
    """Return what the list of accounts says of the shop's authorization."""
    health = next(one["health"] for one in accounts(world) if one["account"] == f"shopify/{SHOP}")
    found: Json | None = health["authorization"]
    return found


def exceptions(world: Shopify) -> list[Json]:
    """Return what the list of exceptions has."""
    answer = world.cloud.invoke("orders_api", http_event("GET", "/exceptions", {}))
    assert answer["statusCode"] == 200, answer
    listed: list[Json] = json.loads(answer["body"])["exceptions"]
    return listed


def told(world: Shopify, kind: str) -> list[str]:
    """Return what the bus is told of the shop's authorization: the reasons."""
    return [row["topics"]["S"] for row in world.cloud.table() if row.get("kind", {}).get("S") == kind]


def forget_documents() -> None:
    """Have every function read the accounts' documents anew, as after five minutes."""
    for job in ("scan", "guard"):
        module = importlib.import_module(f"functions.shopify_{job}.app")
        importlib.reload(module)


def is_read(world: Shopify, seconds: int = 600) -> bool:
    """Let the list be read; tells whether what was sold before is known then."""
    sold = world.make("create")
    world.posted.clear()
    world.run("scan", seconds)
    return world.known(str(sold.id)) is not None


class TestS4RenewalsWhoseAnswersAreLost:
    def test_a_token_is_renewed_before_its_end_and_once(self, shop: Shopify) -> None:
        assert is_read(shop)
        assert renewals(shop) == 0
        assert is_read(shop, LATE)
        assert is_read(shop)
        assert renewals(shop) == 1

    def test_for_a_quarter_of_a_year_a_shop_that_is_read_is_let_in(self, shop: Shopify) -> None:
        for _ in range(6):
            assert is_read(shop, 20 * DAY)

    def test_S4_two_lost_answers_cost_nothing(self, shop: Shopify) -> None:
        shop.wire.simulator.faults({"error500": {"match": "oauth/access_token", "count": 2, "after": True}})
        for pause in (LATE, 30, 30, 30):
            assert is_read(shop, pause)

        assert authorization(shop) is None
        assert told(shop, "authorization.ended") == []
        assert renewals(shop) == 3
        assert is_read(shop, 3 * HOUR)

    def test_S4_without_any_good_token_the_next_try_heals_and_deliveries_are_taken_meanwhile(
        self, shop: Shopify
    ) -> None:
        shop.wire.simulator.faults({"error500": {"match": "oauth/access_token", "count": 5, "after": True}})
        assert not is_read(shop, 2 * HOUR)
        sold = shop.make("create")
        assert set(shop.carry()) == {200}
        shop.agrees(sold)

        for _ in range(6):
            shop.run("scan", 600)
        assert is_read(shop)
        assert authorization(shop) is None

    def test_S4_a_shop_without_answers_is_asked_more_and_more_slowly(self, shop: Shopify) -> None:
        shop.wire.simulator.faults({"error500": {"match": "oauth/access_token", "count": 10_000}})
        shop.run("scan", 2 * HOUR)
        renewals(shop)
        for _ in range(60):
            shop.run("guard", 60)

        assert 5 <= renewals(shop) <= 12
        assert authorization(shop) is None

    def test_S4_a_process_that_dies_between_the_answer_and_the_write_takes_nothing_along(
        self, shop: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class KilledError(BaseException):
            """The process is no more."""

        def killed(*_: object, **__: object) -> bool:
            raise KilledError

        with monkeypatch.context() as patched:
            patched.setattr("countersign.store.grants.GrantStore.renewed", killed)
            with pytest.raises(KilledError):
                shop.run("scan", 2 * HOUR)

        shop.run("scan", 30)  # the lease of who died is not over: nobody else asks
        assert renewals(shop) == 1
        assert is_read(shop, 60)
        assert renewals(shop) == 1
        assert authorization(shop) is None

    def test_S4_after_thirty_days_without_the_answer_a_person_must_act_and_is_told_once(self, shop: Shopify) -> None:
        shop.wire.simulator.faults({"error500": {"match": "oauth/access_token", "count": 1, "after": True}})
        shop.run("scan", LATE)
        assert authorization(shop) is None
        shop.run("scan", 31 * DAY)

        ended = authorization(shop)
        assert ended is not None
        assert (ended["status"], ended["because"]) == ("needs_reauthorization", "expired")
        renewals(shop)
        for _ in range(12):
            shop.run("scan", 600)
            shop.run("guard")
            shop.run("poll")
        assert shop.wire.sent == []
        assert told(shop, "authorization.ended") == ["expired"]

    def test_a_token_that_was_refused_before_its_end_is_renewed_at_once(self, shop: Shopify) -> None:
        shop.shop().installation.chain.access.clear()

        assert is_read(shop)
        assert renewals(shop) == 1

    def test_half_an_answer_is_none_and_what_was_kept_stays(
        self, shop: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tokens = shop.wire.simulator.oauth.tokens
        before = grants(shop)[0]["sealed"]

        def half(*asked: object) -> tuple[int, Json]:
            status, given = tokens(*asked)  # type: ignore[arg-type]
            return status, {name: value for name, value in given.items() if name != "expires_in"}

        with monkeypatch.context() as patched:
            patched.setattr(shop.wire.simulator.oauth, "tokens", half)
            assert is_read(shop, LATE)
        assert grants(shop)[0]["sealed"] == before
        assert is_read(shop, HOUR)

    def test_a_secret_that_shopify_does_not_take_is_no_shops_end(
        self, shop: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shop.wire.simulator.oauth, "tokens", lambda *_: (401, {"error": "invalid_client"}))

        assert not is_read(shop, 2 * HOUR)
        assert authorization(shop) is None


class TestAccessThatEnds:
    def test_what_was_revoked_without_a_word_is_seen_and_left_alone(self, shop: Shopify) -> None:
        shop.ask("revoke")
        shop.run("scan", 600)

        ended = authorization(shop)
        assert ended is not None
        assert ended["because"] == "revoked"
        assert "sealed" not in grants(shop)[0]
        [entry] = exceptions(shop)
        assert (entry["kind"], entry["account"], entry["order_id"], entry["status"], entry["amount"]) == (
            "authorization",
            SHOP,
            None,
            "revoked",
            None,
        )
        assert "authorized anew" in entry["reason"]
        shop.wire.sent.clear()
        for _ in range(3):
            shop.run("scan", 600)
            shop.run("guard")
        assert shop.wire.sent == []

    def test_S10_who_is_refused_although_the_token_is_good_shares_the_app_with_somebody(self, shop: Shopify) -> None:
        shop.shop().installation.chain.refresh.clear()  # the other installation has the shop's refresh token
        shop.run("scan", LATE)

        ended = authorization(shop)
        assert ended is not None
        assert ended["because"] == "superseded"

    def test_an_installation_heals_and_what_was_missed_is_read(self, shop: Shopify) -> None:
        sold = shop.make("create")
        shop.posted.clear()
        shop.ask("revoke")
        shop.run("scan", 600)
        assert authorization(shop) is not None

        shop.cloud.clock.shift(4 * HOUR)
        assert install(shop)["statusCode"] == 200
        assert authorization(shop) is None
        assert exceptions(shop) == []
        assert told(shop, "authorization.renewed") == [""]
        shop.run("scan", 600)
        shop.agrees(sold)

    def test_S5_a_farewell_that_is_older_than_the_installation_since_costs_one_question(self, shop: Shopify) -> None:
        shop.ask("uninstall")
        farewell = shop.posted.pop()
        shop.cloud.clock.shift(300)
        assert install(shop)["statusCode"] == 200
        shop.cloud.clock.shift(300)

        assert shop.carry(farewell) == [200]
        shop.wire.sent.clear()
        shop.run("guard")
        assert shop.asked().count("ThisInstallation") == 1
        assert authorization(shop) is None
        assert is_read(shop)
        shop.run("guard", 600)
        assert "ThisInstallation" not in shop.asked()

    def test_S5_a_forged_time_of_the_farewell_is_nobodys_word(self, shop: Shopify) -> None:
        shop.ask("uninstall")
        farewell = shop.posted.pop().message(NOW)
        assert install(shop)["statusCode"] == 200

        headers = farewell.headers | {"X-Shopify-Triggered-At": "2027-01-01T00:00:00.000000Z"}
        assert shop.send(headers, farewell.body) == 200
        shop.run("guard", 600)
        assert authorization(shop) is None
        assert is_read(shop)

    def test_S5_without_an_installation_since_the_token_is_gone_and_the_orders_stay(self, shop: Shopify) -> None:
        sold = shop.make("create")
        shop.carry()
        shop.ask("uninstall")
        assert shop.carry() == [200]
        shop.run("guard", 600)

        ended = authorization(shop)
        assert ended is not None
        assert ended["because"] == "uninstalled"
        assert "sealed" not in grants(shop)[0]
        shop.agrees(sold)

    def test_S5_the_subscriptions_of_an_app_that_comes_back_are_made_anew(self, shop: Shopify) -> None:
        shop.ask("uninstall")
        shop.posted.clear()
        assert shop.ask("subscriptions")["subscriptions"] == []
        shop.cloud.clock.shift(300)
        install(shop)

        assert len(shop.ask("subscriptions")["subscriptions"]) == len(connector.TOPICS)

    def test_what_an_app_may_do_now_is_read_once_it_is_told_to_have_changed(self, shop: Shopify) -> None:
        shop.ask("grant_scopes", scopes=["read_orders", "read_all_orders"])
        assert shop.carry() == [200]
        assert grants(shop)[0]["scopes"]["S"] == "read_orders"

        shop.run("guard", 600)
        assert grants(shop)[0]["scopes"]["S"] == "read_all_orders,read_orders"


class TestTokensOfDocuments:
    @pytest.fixture
    def fixed(self, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
        """Return one stack whose shop has a token by its document, which nothing renews."""
        _patient(monkeypatch)
        found = documents()
        with mock_aws(), shopify(clock, {APP: found[APP], f"{APP}/{SHOP}": found[f"{APP}/{SHOP}"]}) as made:
            made.run("guard")
            made.make("create")
            assert set(made.carry()) == {200}
            made.wire.sent.clear()
            yield made

    def test_one_refusal_is_no_end_and_a_second_one_minutes_later_is(self, fixed: Shopify) -> None:
        fixed.wire.simulator.faults({"revoked": {"count": 1}})
        fixed.run("scan", 600)
        assert authorization(fixed) is None
        assert is_read(fixed, 2 * HOUR)

        fixed.ask("revoke")
        fixed.run("scan", 600)
        assert authorization(fixed) is None
        fixed.run("scan", 600)
        ended = authorization(fixed)
        assert ended is not None
        assert ended["because"] == "revoked"
        fixed.wire.sent.clear()
        for _ in range(3):
            fixed.run("scan", 600)
            fixed.run("guard")
            fixed.run("poll")
        assert fixed.wire.sent == []

    def test_another_token_in_the_document_is_tried(self, fixed: Shopify) -> None:
        fixed.ask("revoke")
        for _ in range(3):
            fixed.run("scan", 600)
        assert authorization(fixed) is not None

        document = documents()[f"{APP}/{SHOP}"] | {"access_token": "shpat_another_token_of_the_shop"}
        name = f"countersign/test/shopify/{APP}/{SHOP}"
        fixed.cloud.secretsmanager.put_secret_value(SecretId=name, SecretString=json.dumps(document))
        forget_documents()
        one = fixed.shop().installation
        one.installed, one.token = True, document["access_token"]
        assert is_read(fixed)

    def test_a_shop_that_says_farewell_and_refuses_is_over_at_once(self, fixed: Shopify) -> None:
        fixed.ask("uninstall")
        assert set(fixed.carry()) == {200}
        fixed.run("guard", 600)

        ended = authorization(fixed)
        assert ended is not None
        assert ended["because"] == "uninstalled"

    def test_a_shop_whose_app_came_back_under_the_same_token_is_asked_again_by_hand(self, fixed: Shopify) -> None:
        one = fixed.shop().installation
        token = one.token
        fixed.ask("revoke")
        for _ in range(3):
            fixed.run("scan", 600)
        assert authorization(fixed) is not None
        one.installed, one.token = True, token
        assert not is_read(fixed)

        fixed.run("guard", accounts=[SHOP], again=True)
        assert authorization(fixed) is None
        assert is_read(fixed)

    def test_an_app_of_the_shops_own_organisation_that_is_removed_is_over_and_no_more_tokens_are_fetched(
        self, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _patient(monkeypatch)
        app = documents(install="client_credentials", shops=[{"shop": SHOP, "shop_id": "70011223344"}])[APP]
        with mock_aws(), shopify(clock, {APP: app}) as world:
            assert is_read(world, 60)
            world.ask("revoke")
            for _ in range(3):
                world.run("scan", 600)

            ended = authorization(world)
            assert ended is not None
            assert ended["because"] == "revoked"
            world.wire.sent.clear()
            for _ in range(3):
                world.run("scan", 600)
                world.run("guard")
            assert world.wire.sent == []

    def test_a_documents_refresh_token_is_where_the_tables_begin(
        self, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _patient(monkeypatch)
        found = documents(install="oauth")
        first = {
            "refresh_token": "shprt_token_of_the_document",
            "expires_at": NOW + HOUR,
            "refresh_expires_at": NOW + 30 * DAY,
        }
        with mock_aws(), shopify(clock, {APP: found[APP], f"{APP}/{SHOP}": found[f"{APP}/{SHOP}"] | first}) as world:
            assert is_read(world, 60)
            assert renewals(world) == 0
            for _ in range(3):
                assert is_read(world, DAY)
            assert renewals(world) == 3
