"""The app's page: who may open it, how long, and what it lets a browser do."""

import re
from urllib.parse import urlencode

import pytest
import time_machine

from countersign.store.installs import SESSION_SECONDS
from tests.platforms.bigcommerce.app.world import NOW, OTHER, OWNER, STAFF, STORE, AppWorld

ENGLISH = {**STAFF, "locale": "en-US"}


def session_of(page: str) -> str:
    found = re.search(r'name="session" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def again(world: AppWorld, session: str) -> int:
    answer = world.call("page", method="POST", body=urlencode({"session": session, "do": "check"}))
    return int(answer["statusCode"])


class TestWhoMayOpenIt:
    def test_owner_and_staff_open_it_and_its_session_lasts_a_quarter_of_an_hour(
        self, installed: AppWorld, clock: time_machine.Traveller
    ) -> None:
        for user in (OWNER, STAFF):
            session = session_of(installed.open(user)["body"])
            assert again(installed, session) == 200
        clock.shift(SESSION_SECONDS + 1)

        assert again(installed, session) == 401

    def test_a_user_who_was_removed_is_out_at_once_and_others_are_not(self, installed: AppWorld) -> None:
        staff, owner = (session_of(installed.open(user)["body"]) for user in (STAFF, OWNER))

        assert installed.say("remove-user", STAFF) == 200

        assert again(installed, staff) == 401
        assert again(installed, owner) == 200

    def test_what_was_signed_before_the_removal_opens_nothing_for_the_rest_of_its_day(
        self, installed: AppWorld, clock: time_machine.Traveller
    ) -> None:
        before = urlencode({"signed_payload_jwt": installed.signed(STAFF)})
        clock.shift(60)
        installed.say("remove-user", STAFF)

        assert installed.call("load", before)["statusCode"] == 403
        clock.shift(60)
        assert installed.open(STAFF)["statusCode"] == 200  # added again since, as BigCommerce says

    def test_removing_twice_or_a_user_who_was_never_here_is_acknowledged(self, installed: AppWorld) -> None:
        assert [installed.say("remove-user", {**STAFF, "id": 7}) for _ in range(2)] == [200, 200]

    def test_a_session_is_of_one_store(self, installed: AppWorld) -> None:
        session = session_of(installed.open(STAFF)["body"])
        installed.say("remove-user", STAFF, store=OTHER)

        assert again(installed, session) == 200
        installed.say("uninstall", OWNER, store=STORE)
        assert again(installed, session) == 403

    @pytest.mark.parametrize("body", ["", "session=", "session=abc", "session=" + "0" * 64, "do=check", "\ufeff"])
    def test_a_guessed_session_is_refused(self, installed: AppWorld, body: str) -> None:
        assert installed.call("page", method="POST", body=body)["statusCode"] == 401

    def test_a_store_without_the_app_is_told_to_install_it(self, installed: AppWorld) -> None:
        answer = installed.open(store="never1")

        assert answer["statusCode"] == 403
        assert "not_installed" in answer["body"]

    def test_a_signature_of_somebody_else_is_refused(self, installed: AppWorld) -> None:
        assert installed.open(aud="another")["statusCode"] == 401
        assert installed.open(iss="bc/apps")["statusCode"] == 401
        assert installed.call("load")["statusCode"] == 400


class TestWhatItIs:
    def test_it_shows_state_settings_and_what_to_do(self, installed: AppWorld) -> None:
        installed.check()
        page = installed.open(ENGLISH)["body"]

        for told in ("is connected", "hc1/main", "OKCloud Pay / 云付", "https://shop.example.com", "2026-"):
            assert told in page
        assert "Settings → Payments" in page

    def test_it_speaks_chinese_to_who_does(self, installed: AppWorld) -> None:
        assert "下一步" in installed.open(STAFF)["body"]

    def test_a_frame_of_the_control_panel_alone_may_show_it_and_nothing_in_it_runs(self, installed: AppWorld) -> None:
        answer = installed.open(ENGLISH)
        policy = answer["headers"]["content-security-policy"]

        assert "default-src 'none'" in policy and "script-src" not in policy
        assert f"frame-ancestors https://store-{STORE}.mybigcommerce.com" in policy
        nonce = re.search(r"style-src 'nonce-([0-9a-f]+)'", policy)
        assert nonce and f'<style nonce="{nonce[1]}">' in answer["body"]
        assert not re.search(r"<script[ >]|\bon\w+=|style=", answer["body"].replace("&lt;script", ""))
        assert "set-cookie" not in {name.lower() for name in answer["headers"]}
        assert answer["headers"]["cache-control"] == "no-store"
        assert answer["headers"]["referrer-policy"] == "no-referrer"

    def test_a_nonce_is_good_for_one_page(self, installed: AppWorld) -> None:
        first, second = (installed.open(ENGLISH)["headers"]["content-security-policy"] for _ in range(2))

        assert first != second

    def test_the_button_looks_at_the_store_now(self, installed: AppWorld) -> None:
        session = session_of(installed.open(ENGLISH)["body"])

        assert again(installed, session) == 200
        assert len(installed.there.scripts[STORE]) == 1
        assert installed.state().checked_at == NOW

    def test_a_store_that_does_not_answer_is_not_taken_for_well_again(self, installed: AppWorld) -> None:
        session = session_of(installed.open(ENGLISH)["body"])
        installed.installs.refused(STORE, now=NOW)
        installed.installs.lost(STORE, ["101"], now=NOW)
        installed.there.down = True

        assert again(installed, session) == 200
        state = installed.state()
        assert (state.lost_at, state.waiting, state.finding) == (NOW, ("101",), "store")

    def test_it_prints_the_tag_and_the_scripts_checksum(self, installed: AppWorld) -> None:
        page = installed.open(ENGLISH)["body"]

        assert "&lt;script defer src=&quot;https://pay.example.com/bigcommerce/app/script.js" in page
        assert re.search(r"<code>sha256-[A-Za-z0-9+/]{43}=</code>", page)
