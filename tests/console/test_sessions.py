"""Who is signed in, for how long, and what a table or a log that got out would give away."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from countersign_console import session as sessions
from countersign_console.session import SessionOverError
from countersign_console.signin import safe_path
from tests.console.conftest import ISSUER, NOW, URL, Browser, World

MINUTE, HOUR = 60, 3600


def test_a_browser_is_sent_to_the_sign_in_page_with_a_challenge_and_comes_back_to_its_page(world: World) -> None:
    browser = world.browser(language="zh-CN")

    sent = browser.get("/orders?tab=to_ship")
    asked = dict(parse_qsl(urlsplit(sent.location).query))
    back = browser.get(world.issuer.authorize(sent.location, "ann"))

    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{URL}/signed-in"
    assert (asked["lang"], asked["ui_locales"]) == ("zh-CN", "zh-CN")
    assert (back.status, back.location) == (303, "/orders?tab=to_ship")
    assert browser.get("/orders?tab=to_ship").status == 200


def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(world: World) -> None:
    sent = world.browser().signs_in().cookies

    kept = next(one for one in sent if one.startswith("__Host-cs="))
    assert re.fullmatch(r"__Host-cs=[\w-]{43}; Path=/; Secure; HttpOnly; SameSite=Lax", kept)


def test_the_table_holds_no_token_and_not_the_cookie(world: World, ann: Browser) -> None:
    dump = repr(world.rows())

    assert "SESSION#" in dump
    assert ann.cookies["__Host-cs"] not in dump
    assert "eyJ" not in dump
    assert "refresh-of" not in dump
    assert "Ann" not in dump


def test_a_state_of_another_browser_signs_nobody_in(world: World) -> None:
    theirs, mine = world.browser(), world.browser()
    address = world.issuer.authorize(theirs.get("/").location, "mallory")
    mine.get("/")

    answer = mine.get(address)

    assert answer.status == 400
    assert "__Host-cs" not in mine.cookies
    assert world.issuer.asked == []  # the code was not even tried


def test_a_browser_that_never_asked_is_not_signed_in(world: World) -> None:
    theirs, mine = world.browser(), world.browser()

    answer = mine.get(world.issuer.authorize(theirs.get("/").location, "mallory"))

    assert (answer.status, mine.cookies) == (400, {})


def test_a_code_is_good_once(world: World) -> None:
    browser = world.browser()
    sent = browser.get("/")
    address = world.issuer.authorize(sent.location, "ann")
    mark = dict(browser.cookies)
    browser.get(address)
    thief = world.browser()
    thief.cookies = mark

    assert thief.get(address).status == 400
    assert "__Host-cs" not in thief.cookies


def test_a_code_for_another_challenge_is_refused(world: World) -> None:
    browser = world.browser()
    address = world.issuer.authorize(browser.get("/").location, "ann")
    code = next(iter(world.issuer.codes))
    world.issuer.codes[code]["code_challenge"] = "A" * 43

    assert browser.get(address).status == 400
    assert world.rows() == []


def test_two_tabs_that_both_begin_to_sign_in_both_come_back(world: World) -> None:
    browser = world.browser()
    first, second = browser.get("/orders"), browser.get("/refunds")

    assert browser.get(world.issuer.authorize(first.location, "ann")).location == "/orders"
    assert dict(parse_qsl(urlsplit(second.location).query))["state"] != ""


def test_signing_in_ends_the_session_that_the_browser_had(world: World, ann: Browser) -> None:
    before = ann.cookies["__Host-cs"]
    world.now += HOUR  # idle for too long
    ann.signs_in("bob")

    assert ann.cookies["__Host-cs"] != before
    assert [row["person"]["S"] for row in world.rows()] == ["bob"]


def test_nobody_fills_the_table_without_signing_in(world: World) -> None:
    for _ in range(5):
        world.browser().get("/orders")

    assert world.rows() == []


@pytest.mark.parametrize("forged", ["", "x", "A" * 43, "é" * 43, "a;b", "\ud800"])
def test_a_cookie_that_was_made_up_is_no_session(world: World, forged: str) -> None:
    browser = world.browser()
    browser.cookies["__Host-cs"] = forged

    assert browser.get("/").status == 303


@pytest.mark.parametrize(
    ("name", "value"),
    [("person", {"S": "bob"}), ("expiration", {"N": str(NOW + 11 * HOUR)}), ("sealed", {"B": b"x" * 80})],
)
def test_a_row_that_somebody_changed_is_no_session(
    world: World, ann: Browser, name: str, value: dict[str, str]
) -> None:
    (row,) = world.rows()
    world.table.put_item(TableName="Sessions", Item={**row, name: value})

    assert ann.get("/").status == 303


def test_a_row_does_not_open_under_another_name(world: World, ann: Browser) -> None:
    bob = world.browser()
    bob.signs_in("bob")
    rows = {row["person"]["S"]: row for row in world.rows()}
    # Bob's name of a row, Ann's content: as somebody who writes the table might try it.
    world.table.put_item(TableName="Sessions", Item={**rows["ann"], "id": rows["bob"]["id"]})

    assert bob.get("/").status == 303


def test_half_an_hour_without_a_person_ends_a_session_and_an_open_page_is_no_person(world: World, ann: Browser) -> None:
    for _ in range(5):
        world.now += 6 * MINUTE
        ann.get("/news?after=x")  # asked by the page itself

    assert ann.get("/").status == 303


def test_who_works_stays_signed_in_but_for_no_longer_than_twelve_hours(world: World, ann: Browser) -> None:
    for _ in range(12 * 60 // 29):
        world.now += 29 * MINUTE
        assert ann.get("/nothing").status == 404
    world.now = NOW + 12 * HOUR

    assert ann.get("/orders").status == 303


def test_a_page_costs_no_write_while_the_end_is_far(world: World, ann: Browser) -> None:
    before = world.rows()
    world.now += 4 * MINUTE
    ann.get("/orders")

    assert world.rows() == before


class TestSigningOut:
    def test_it_ends_the_session_and_the_refresh_token_and_leads_on_to_the_issuer(
        self, world: World, ann: Browser
    ) -> None:
        form = ann.get("/").forms("/sign-out")[0]
        kept = dict(ann.cookies)

        answer = ann.post("/sign-out", form)
        page = ann.get(answer.location)

        assert answer.status == 303
        assert world.rows() == []
        assert len(world.issuer.revoked) == 1
        assert f"{ISSUER}/logout?client_id=the-console" in page.text
        thief = world.browser()
        thief.cookies = kept
        assert thief.get("/").status == 303

    def test_a_get_signs_nobody_out(self, world: World, ann: Browser) -> None:
        ann.get("/sign-out")

        assert ann.get("/").status == 200

    def test_without_the_forms_own_mark_nobody_is_signed_out(self, world: World, ann: Browser) -> None:
        assert ann.post("/sign-out", {}).status == 403
        assert ann.get("/").status == 200

    def test_everywhere_ends_all_of_a_persons_and_nobody_elses(self, world: World, ann: Browser) -> None:
        phone, bob = world.browser(), world.browser()
        phone.signs_in("ann")
        bob.signs_in("bob")
        world.now += 5

        ann.post("/sign-out", {**ann.get("/").forms("/sign-out")[0], "everywhere": "1"})

        assert phone.get("/").status == 303
        assert bob.get("/").status == 200
        world.now += 1
        assert world.browser().signs_in("ann").status == 303
        phone.signs_in("ann")
        assert phone.get("/").status == 200


class TestRenewing:
    def test_a_token_is_renewed_before_it_ends_and_the_api_gets_the_new_one(self, world: World, ann: Browser) -> None:
        world.now += 14 * MINUTE + 30

        assert ann.get("/orders").status == 200

        renewals = [one for one in world.issuer.asked if one.get("grant_type") == "refresh_token"]
        assert len(renewals) == 1
        assert len({headers["authorization"] for *_, headers in world.api.calls}) == 1
        ann.get("/orders")
        assert [one for one in world.issuer.asked if one.get("grant_type") == "refresh_token"] == renewals

    def test_two_requests_at_once_ask_the_issuer_once(self, world: World, ann: Browser) -> None:
        world.now += 14 * MINUTE + 30
        answers: list[int] = []
        other = world.browser()
        other.cookies = dict(ann.cookies)

        def meanwhile() -> None:
            world.issuer.while_asked = lambda: None
            answers.append(other.get("/orders").status)  # goes on with the token that is good for half a minute more

        world.issuer.while_asked = meanwhile
        answers.append(ann.get("/orders").status)

        assert answers == [200, 200]
        assert len([one for one in world.issuer.asked if one.get("grant_type") == "refresh_token"]) == 1

    def test_a_lost_answer_is_asked_for_once_more(self, world: World, ann: Browser) -> None:
        world.now += 20 * MINUTE
        world.issuer.losses = 1

        assert ann.get("/orders").status == 200
        asked = [one["refresh_token"] for one in world.issuer.asked if one.get("grant_type") == "refresh_token"]
        assert len(asked) == 2
        assert len(set(asked)) == 1

    def test_while_the_old_token_is_good_an_issuer_that_is_silent_stops_nobody(
        self, world: World, ann: Browser
    ) -> None:
        world.now += 14 * MINUTE + 30
        world.issuer.losses = 2

        assert ann.get("/orders").status == 200

    def test_an_issuer_that_is_silent_loses_nothing_that_was_typed(self, world: World, ann: Browser) -> None:
        form = {**ann.get(ORDER_PAGE).forms("/order/note")[0], "note": "Asks for an invoice"}
        world.now += 20 * MINUTE
        world.issuer.losses = 2

        answer = ann.post("/order/note", form)

        assert answer.status == 503
        assert "Asks for an invoice" in answer.text
        assert "__Host-cs" in ann.cookies
        world.now += sessions.LEASE_SECONDS
        assert ann.get("/orders").status == 200  # the same refresh token, within the issuer's grace

    def test_who_is_refused_signs_in_again_and_loses_nothing_that_was_typed(self, world: World, ann: Browser) -> None:
        form = {**ann.get(ORDER_PAGE).forms("/order/note")[0], "note": "Asks for an invoice"}
        world.now += 20 * MINUTE
        world.issuer.refuses = True

        answer = ann.post("/order/note", form)

        assert answer.status == 401
        assert "Asks for an invoice" in answer.text
        assert world.rows() == []
        world.issuer.refuses = False
        ann.signs_in("ann")
        again = {**answer.forms("/order/note")[0], "note": "Asks for an invoice"}
        page = ann.post("/order/note", again)  # from before she signed in: looked at once more, then sent
        assert page.status == 403
        assert not world.api.asked("POST")
        world.api.answers["POST /orders/wechat/shop/ORDER-0001/notes"] = (201, {})
        sent = ann.post("/order/note", {**page.forms("/order/note")[0], "note": "Asks for an invoice"})
        assert sent.status == 303
        assert [body for method, _, body, _ in world.api.calls if method == "POST"] == [{"note": "Asks for an invoice"}]

    def test_a_session_that_ended_while_it_was_renewed_stays_ended(self, world: World, ann: Browser) -> None:
        world.now += 20 * MINUTE
        world.issuer.while_asked = lambda: world.store.end(ann.cookies["__Host-cs"])

        assert ann.get("/orders").status == 303
        assert len(world.issuer.revoked) == 1  # nobody has the new tokens
        assert world.rows() == []


def test_a_save_on_an_older_version_changes_nothing(world: World, ann: Browser) -> None:
    cookie = ann.cookies["__Host-cs"]
    first = world.store.read(cookie, now=world.now)
    later = world.now + 10 * MINUTE
    moved = world.store.seen(first, now=later)

    assert moved.version == first.version + 1
    assert world.store.seen(first, now=later + 10 * MINUTE) == first
    assert world.store.read(cookie, now=later).expires_at == later + sessions.IDLE_SECONDS


def test_a_session_that_does_not_exist_is_over(world: World) -> None:
    with pytest.raises(SessionOverError):
        world.store.read("A" * 43, now=NOW)


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/a\nb", "/" + "a" * 2000],
)
def test_no_address_leads_out_of_the_console(path: str) -> None:
    assert safe_path(path) == "/"


ORDER_PAGE = "/order?account=wechat%2Fshop&id=ORDER-0001"
