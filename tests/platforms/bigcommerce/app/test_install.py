"""Stores install the app, authorise it again, take it away; tokens, races, and what BigCommerce never tells."""

import json
from typing import Any

import pytest
import time_machine

from countersign.orders.changes import OrderKey
from countersign.store import keys
from countersign.store.due import DueList
from countersign.store.installs import LEASE_SECONDS
from countersign.store.order_sync import OrderSyncStore
from countersign.store.origins import Origins
from tests.platforms.bigcommerce.app.world import NOW, OTHER, SCOPE, STAFF, STORE, AppWorld


def posted(world: AppWorld) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in world.there.sent if method != "GET"]


def paid_and_waiting(world: AppWorld, *numbers: str) -> None:
    """Leave orders whose payment is to be written to the store, as a worker that was refused leaves them."""
    syncs = OrderSyncStore(world.cloud.dynamodb, "Orders")
    for number in numbers:
        syncs.make_due(OrderKey("bigcommerce", STORE, number), "bigcommerce_sync", now=NOW + 86400)


class TestInstalling:
    def test_the_token_is_kept_under_the_store_and_the_script_stands(self, world: AppWorld) -> None:
        answer = world.install()

        assert answer["statusCode"] == 200
        document = world.document()
        assert document["access_token"] == world.there.tokens[STORE]
        assert (document["scope"], document["owner"]["id"]) == (SCOPE, 12345)
        assert len(document["hook_token"]) == 64
        [script] = world.there.scripts[STORE]
        assert script["visibility"] == "order_confirmation" and script["consent_category"] == "essential"
        assert script["html"].startswith('<script defer src="https://pay.example.com/bigcommerce/app/script.js"')
        assert world.state().installed_at == NOW

    def test_pages_of_the_stores_own_addresses_may_call_afterwards(self, world: AppWorld) -> None:
        world.install()

        origins = Origins(world.cloud.dynamodb, "Orders")
        assert origins.is_known("app", f"https://{STORE}.mybigcommerce.com")
        assert origins.is_known("app", "https://shop.example.com")
        assert not origins.is_known("app", "https://evil.example.com")

    def test_the_code_is_exchanged_with_the_registered_address_and_once(self, world: AppWorld) -> None:
        world.there.down = True
        answer = world.install()

        assert answer["statusCode"] == 502
        assert posted(world) == [("POST", "/oauth2/token")]
        asked = world.there.sent[0][2]
        assert asked["redirect_uri"] == "https://pay.example.com/bigcommerce/app/auth"
        with pytest.raises(world.cloud.secretsmanager.exceptions.ResourceNotFoundException):
            world.document()

    def test_a_store_that_is_not_listed_is_refused_before_its_code_is_spent(self, world: AppWorld) -> None:
        assert world.install("stranger1")["statusCode"] == 403
        assert not world.there.sent

    def test_a_store_that_has_the_app_may_authorise_it_again_though_it_is_not_listed(self, world: AppWorld) -> None:
        world.cloud.secretsmanager.create_secret(
            Name="countersign/test/bigcommerce/app/known1",
            SecretString=json.dumps({"store_hash": "known1", "access_token": "token-before", "scope": SCOPE}),
        )

        assert world.install("known1")["statusCode"] == 200
        assert world.document("known1")["access_token"] != "token-before"

    def test_less_than_the_app_needs_is_refused_and_named(self, world: AppWorld) -> None:
        answer = world.install(scope="store_v2_orders store_v2_information_read_only")

        assert answer["statusCode"] == 403
        assert "store_content_checkout store_v2_transactions_read_only" in answer["body"]
        assert not world.there.sent

    def test_a_token_that_may_do_less_than_was_granted_is_not_kept(self, world: AppWorld) -> None:
        world.there.grants = "store_v2_orders"

        assert world.install()["statusCode"] == 502
        assert world.state().installed_at == 0

    def test_installing_again_replaces_the_token_and_keeps_what_was_set_for_the_store(self, world: AppWorld) -> None:
        world.install()
        first = world.document()
        name = f"countersign/test/bigcommerce/app/{STORE}"
        changed = json.dumps({**first, "max_age_seconds": 600})
        world.cloud.secretsmanager.put_secret_value(SecretId=name, SecretString=changed)

        world.install(code="code2")

        document = world.document()
        assert document["access_token"] == world.there.tokens[STORE] != first["access_token"]
        assert (document["max_age_seconds"], document["hook_token"]) == (600, first["hook_token"])
        assert len(world.there.scripts[STORE]) == 1

    def test_another_owner_authorises_it_again_and_the_store_stays_the_same(self, world: AppWorld) -> None:
        world.install()
        world.there.owner = {"id": 777, "email": "new@example.com"}

        assert world.install(code="code2")["statusCode"] == 200
        assert world.document()["owner"] == {"id": 777, "email": "new@example.com"}
        assert world.open()["statusCode"] == 200

    def test_of_two_calls_at_once_one_exchanges(self, world: AppWorld, clock: time_machine.Traveller) -> None:
        assert world.installs.begin(STORE, now=NOW)

        assert world.install()["statusCode"] == 409
        assert not world.there.sent
        clock.shift(LEASE_SECONDS + 1)
        assert world.install()["statusCode"] == 200

    def test_one_address_has_ten_tries_in_a_minute(self, world: AppWorld, clock: time_machine.Traveller) -> None:
        world.there.down = True
        statuses = [world.install(code=f"guess{number}")["statusCode"] for number in range(12)]
        world.there.down = False

        assert statuses == [502] * 10 + [429] * 2
        assert len(world.there.sent) == 10
        clock.shift(60)
        assert world.install()["statusCode"] == 200

    def test_a_call_that_failed_does_not_keep_the_next_one_waiting(self, world: AppWorld) -> None:
        world.there.down = True
        world.install()
        world.there.down = False

        assert world.install()["statusCode"] == 200

    def test_no_answer_shows_a_secret_or_a_token(self, world: AppWorld) -> None:
        answers = [world.install(), world.open(), world.install("stranger1"), world.call("auth", "code=a&code=b")]

        for answer in answers:
            text = json.dumps(answer)
            assert world.there.tokens[STORE] not in text
            assert world.document()["hook_token"] not in text


class TestTakingAway:
    def test_the_token_goes_and_what_the_merchant_set_stays(self, installed: AppWorld) -> None:
        assert installed.say("uninstall") == 200

        document = installed.document()
        assert document["uninstalled"] is True
        assert "access_token" not in document
        kept = installed.cloud.secretsmanager.list_secret_version_ids(
            SecretId=f"countersign/test/bigcommerce/app/{STORE}"
        )
        named = {one["VersionId"] for one in kept["Versions"] if one.get("VersionStages")}
        for version in named:
            text = installed.cloud.secretsmanager.get_secret_value(
                SecretId=f"countersign/test/bigcommerce/app/{STORE}", VersionId=version
            )["SecretString"]
            assert f"token-of-{STORE}" not in text

    def test_told_twice_nothing_changes(self, installed: AppWorld) -> None:
        installed.say("uninstall")
        before = installed.document(), installed.state()

        assert installed.say("uninstall") == 200
        assert (installed.document(), installed.state()) == before

    def test_a_store_that_never_had_the_app_is_acknowledged(self, installed: AppWorld) -> None:
        assert installed.say("uninstall", store="never1") == 200

    def test_the_page_is_closed_afterwards_in_warm_containers_too(self, installed: AppWorld) -> None:
        assert installed.open()["statusCode"] == 200
        installed.say("uninstall")

        assert installed.open()["statusCode"] == 403

    def test_a_word_from_before_the_new_installation_takes_nothing(
        self, world: AppWorld, clock: time_machine.Traveller
    ) -> None:
        world.install()
        early = NOW + 10
        clock.shift(60)
        world.install(code="code2")

        assert world.say("uninstall", at=early) == 200
        assert world.document()["access_token"] == world.there.tokens[STORE]
        clock.shift(60)
        assert world.say("uninstall") == 200
        assert world.document()["uninstalled"] is True

    def test_a_store_that_comes_back_must_be_listed_and_is_well_again(
        self, world: AppWorld, clock: time_machine.Traveller
    ) -> None:
        world.install()
        world.say("uninstall", at=NOW + 1)
        clock.shift(3600)

        assert world.install(code="code3")["statusCode"] == 200
        assert world.document()["uninstalled"] is False
        assert world.open()["statusCode"] == 200


class TestARefusedToken:
    """B1: the callback never came, or BigCommerce had a bad hour."""

    def revoke(self, world: AppWorld, *stores: str) -> None:
        for store in stores:
            world.there.tokens[store] = "another"

    def test_B1_two_refusals_minutes_apart_and_a_healthy_store_elsewhere(
        self, installed: AppWorld, clock: time_machine.Traveller
    ) -> None:
        self.revoke(installed, STORE)
        installed.check()
        assert installed.document().get("needs_reauthorization") in (None, False)

        clock.shift(600)
        installed.check()

        assert installed.document()["needs_reauthorization"] is True
        assert installed.document()["access_token"] == f"token-of-{STORE}"
        assert installed.state().lost_at == NOW + 600
        assert installed.state(OTHER).lost_at == 0

    def test_B1_accounts_say_which_paid_orders_wait(self, world: AppWorld, clock: time_machine.Traveller) -> None:
        world.install()
        paid_and_waiting(world, "10400", "10401")
        self.revoke(world, STORE)
        for _ in range(2):
            clock.shift(600)
            world.check()

        assert world.installation() == {
            "state": "needs_reauthorization",
            "installed_at": "2026-11-22T14:00:05Z",
            "refused_at": "2026-11-22T14:10:05Z",
            "lost_at": "2026-11-22T14:20:05Z",
            "waiting": {"count": 2, "orders": ["10400", "10401"]},
        }
        assert "10400, 10401" in world.open({**STAFF, "locale": "en-US"})["body"]

        world.install(code="again")
        due = DueList(world.cloud.dynamodb, "Orders", "bigcommerce_sync").due(NOW + 1200)
        assert sorted(keys.order_key(item["pk"]["S"]).order_id for item in due) == ["10400", "10401"]
        assert (world.installation()["state"], world.installation()["waiting"]["count"]) == ("active", 0)
        world.say("uninstall")
        assert world.installation()["state"] == "uninstalled"

    def test_B1_two_refusals_in_the_same_minute_are_one(
        self, installed: AppWorld, clock: time_machine.Traveller
    ) -> None:
        self.revoke(installed, STORE)
        installed.check()
        clock.shift(60)
        installed.check()

        assert installed.state().lost_at == 0

    def test_B1_an_outage_marks_nobody(self, installed: AppWorld, clock: time_machine.Traveller) -> None:
        installed.there.down = True
        for _ in range(3):
            installed.check()
            clock.shift(600)

        assert (installed.state().refused_at, installed.state().lost_at) == (0, 0)

    def test_B1_where_all_tokens_are_refused_the_page_where_one_logs_in_decides(
        self, installed: AppWorld, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.revoke(installed, STORE, OTHER)
        answered = installed.there._answer
        ill: list[int] = [1]

        def answer(method: str, path: str, body: Any, token: str) -> Any:
            return (503, {}) if path == "/" and ill else answered(method, path, body, token)

        monkeypatch.setattr(installed.there, "_answer", answer)
        for _ in range(3):
            installed.check()
            clock.shift(600)
        assert installed.state().lost_at == 0

        ill.clear()
        installed.check()
        assert installed.state().lost_at and installed.state(OTHER).lost_at

    def test_B1_a_token_that_works_again_is_well_again(
        self, installed: AppWorld, clock: time_machine.Traveller
    ) -> None:
        self.revoke(installed, STORE)
        for _ in range(2):
            installed.check()
            clock.shift(600)
        installed.there.tokens[STORE] = f"token-of-{STORE}"
        installed.check()

        assert installed.document()["needs_reauthorization"] is False
        assert (installed.state().refused_at, installed.state().lost_at) == (0, 0)

    def test_B1_authorised_again_the_store_is_well(self, installed: AppWorld, clock: time_machine.Traveller) -> None:
        self.revoke(installed, STORE)
        for _ in range(2):
            installed.check()
            clock.shift(600)
        assert "authorise" in installed.open({**STAFF, "locale": "en-US"})["body"].lower()

        installed.install(code="again")

        document, state = installed.document(), installed.state()
        assert document["needs_reauthorization"] is False
        assert document["access_token"] == installed.there.tokens[STORE]
        assert (state.refused_at, state.lost_at, state.waiting_count) == (0, 0, 0)

    def test_B1_a_store_that_was_authorised_between_two_refusals_is_not_lost(
        self, installed: AppWorld, clock: time_machine.Traveller
    ) -> None:
        self.revoke(installed, STORE)
        installed.check()
        clock.shift(600)
        installed.install(code="again")

        assert not installed.installs.lost(STORE, ["10400"], now=NOW + 600)
        assert installed.state().lost_at == 0


class TestTheScript:
    def test_one_that_was_deleted_or_changed_is_made_right(self, installed: AppWorld) -> None:
        installed.check()
        [made] = installed.there.scripts[STORE]
        for spoiled in (
            [],
            [{**made, "enabled": False}],
            [{**made, "consent_category": "unknown"}],
            [made, dict(made)],
        ):
            installed.there.scripts[STORE] = [{**one, "uuid": f"{number}-x"} for number, one in enumerate(spoiled)]

            installed.check()

            [now] = installed.there.scripts[STORE]
            assert {**now, "uuid": ""} == {**made, "uuid": ""}

    def test_one_that_is_right_is_left_alone_and_others_are_nobodys_business(self, installed: AppWorld) -> None:
        installed.check()
        installed.there.scripts[STORE].append({"name": "Another", "uuid": "other", "channel_id": 1})
        installed.there.sent.clear()

        installed.check()

        assert posted(installed) == []
        assert len(installed.there.scripts[STORE]) == 2

    def test_each_channel_that_the_merchant_allows_has_it_and_no_other(self, installed: AppWorld) -> None:
        name = f"countersign/test/bigcommerce/app/{STORE}"
        for channels in ([1, 3], [3]):
            document = json.dumps({**installed.document(), "allowed_channel_ids": channels})
            installed.cloud.secretsmanager.put_secret_value(SecretId=name, SecretString=document)
            installed.check()

            assert sorted(one["channel_id"] for one in installed.there.scripts[STORE]) == channels

    def test_a_checkout_in_which_scripts_do_not_run_is_said(self, installed: AppWorld) -> None:
        installed.there.checkout = "one_page"
        installed.check()

        assert installed.state().finding == "checkout"
        assert "One-Page Checkout" in installed.open({**STAFF, "locale": "en-US"})["body"]

    def test_one_stores_fault_is_its_own(self, installed: AppWorld) -> None:
        name = f"countersign/test/bigcommerce/app/{STORE}"
        installed.cloud.secretsmanager.put_secret_value(SecretId=name, SecretString="{}")
        installed.check()

        assert len(installed.there.scripts[OTHER]) == 1
