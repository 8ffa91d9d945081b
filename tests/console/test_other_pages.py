"""Inbox, bills, accounts, charges, activity, settings: what each shows, asks and refuses."""

import re

import pytest

from countersign_console.pages.bills import month_of
from tests.console.conftest import Browser, World

FILE = "\ufeffplatform,account\r\nwechat,茶\r\n".encode()
CHARGES = {
    "account": "recharge/subscriptions",
    "platform": "recharge",
    "name": "subscriptions",
    "platform_name": "Recharge",
}


def posted(world: World) -> list[tuple[str, dict[str, object]]]:
    """Return what the API was asked to change."""
    return [(path.partition("?")[0], body) for method, path, body, _ in world.api.calls if method == "POST"]


class TestInbox:
    def test_each_kind_says_what_it_means_and_what_ends_it(self, ann: Browser) -> None:
        text = ann.get("/inbox").text

        assert text.count("<section") == 7
        assert "It ends when somebody answers the question" in text
        assert "To be answered by" in text

    def test_what_is_taken_in_by_a_command_is_no_button(self, ann: Browser) -> None:
        text = ann.get("/inbox").text

        assert "countersign redrive wechat --day 2026-11-30 --dry-run" in text
        assert ann.get("/inbox").forms("/inbox/redrive") == []

    def test_only_what_does_not_end_by_itself_can_be_taken_off(self, ann: Browser) -> None:
        taken = {form["exception_id"] for form in ann.get("/inbox").forms("/inbox/dismiss")}

        assert taken == {"id-of-orphan", "id-of-quarantine", "id-of-failed_notice", "id-of-finding"}

    def test_taking_something_off_says_why(self, world: World, ann: Browser) -> None:
        world.api.answers["POST /exceptions/id-of-orphan/dismiss"] = {"dismissed": True}
        form = next(one for one in ann.get("/inbox").forms("/inbox/dismiss") if one["exception_id"] == "id-of-orphan")

        answer = ann.post("/inbox/dismiss", {**form, "note": " a test order "})

        assert (answer.status, answer.location) == (303, "/inbox?done=dismissed")
        assert posted(world) == [("/exceptions/id-of-orphan/dismiss", {"note": "a test order"})]

    def test_what_is_kept_about_a_customer_is_asked_for_by_post_alone(self, world: World, ann: Browser) -> None:
        kept = {"orders": [{"order_id": "ORDER-0001", "name": "<b>Li</b>"}], "cursor": "5"}
        world.api.answers["POST /exceptions/id-of-finding/export"] = kept
        (form,) = ann.get("/inbox").forms("/inbox/export")

        answer = ann.post("/inbox/export", form)

        assert "&lt;b&gt;Li&lt;/b&gt;" in answer.text
        assert answer.forms("/inbox/export")[0]["cursor"] == "5"
        assert ann.get("/inbox/export").status == 404


class TestBills:
    def test_a_month_says_of_each_day_what_came_of_it(self, ann: Browser) -> None:
        text = ann.get("/bills?month=2026-11").text

        assert "1 differ" in text
        assert "balanced" in text
        assert "no business" in text
        assert "waiting" in text

    @pytest.mark.parametrize("month", ["", "2026-13", "0000-01", "9999-99", "x" * 7, "2027-05", "२०२६-११"])
    def test_what_is_no_month_or_not_yet_one_is_this_month(self, month: str) -> None:
        first, last = month_of(month, "2026-11-30")

        assert (first.isoformat(), last.isoformat()) == ("2026-11-01", "2026-11-30")

    def test_an_earlier_month_is_shown_whole(self) -> None:
        assert [day.isoformat() for day in month_of("2026-02", "2026-11-30")] == ["2026-02-01", "2026-02-28"]

    def test_a_day_shows_both_sides_and_the_platforms_answer(self, ann: Browser) -> None:
        text = ann.get("/bill?day=2026-11-29").text

        for said in ("paid 88.00 CNY", "SUCCESS", "that is not known here", "settled by bob", "posted twice", "¥88.00"):
            assert said in text

    def test_a_difference_is_settled_with_a_note(self, world: World, ann: Browser) -> None:
        settled = "/reconciliation/shop/2026-11-29/differences/missing_here.4200000001/resolve"
        world.api.answers[f"POST {settled}"] = {"status": "resolved"}
        (form,) = ann.get("/bill?day=2026-11-29").forms("/bill/resolve")

        answer = ann.post("/bill/resolve", {**form, "note": "booked by hand"})

        assert (answer.status, answer.location) == (303, "/bill?day=2026-11-29&done=resolved")
        assert posted(world) == [(settled, {"platform": "wechat", "note": "booked by hand"})]

    def test_c9_the_file_keeps_its_byte_order_mark_and_is_no_page(self, world: World, ann: Browser) -> None:
        world.api.answers["GET /reconciliation/shop/2026-11-29"] = FILE

        answer = ann.get("/bill.csv?day=2026-11-29")

        assert answer.raw == FILE
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="wechat_shop-2026-11-29.csv"'


class TestCharges:
    def test_without_subscriptions_the_page_says_so(self, world: World, ann: Browser) -> None:
        assert "There is no account with subscription charges" in ann.get("/charges").text
        assert world.api.calls == []

    def test_a_failed_charge_is_tried_again_once(self, world: World) -> None:
        world.api.answers["GET /accounts"]["accounts"].append(
            {**world.api.answers["GET /accounts"]["accounts"][0], **CHARGES}
        )
        world.api.answers["POST /charges/subscriptions/990300001/retry"] = {"retry": {}}
        browser = world.browser()
        browser.signs_in()
        page = browser.get("/charges")
        (form,) = page.forms("/charges/retry")

        answer = browser.post("/charges/retry", form)

        assert "Your card was declined." in page.text
        assert "$30.00" in page.text
        assert (answer.status, answer.location.partition("?")[0]) == (303, "/charges")
        assert posted(world) == [("/charges/subscriptions/990300001/retry", {})]


class TestAccounts:
    def test_times_to_read_anew_are_of_the_readers_clock(self, world: World, ann: Browser) -> None:
        world.api.answers["POST /accounts/wechat/shop/restore"] = {"restore": "asked"}
        csrf = ann.get("/").forms("/sign-out")[0]["csrf"]
        form = {"csrf": csrf, "account": "wechat/shop", "from": "2026-11-29T10:00", "to": "2026-11-29T12:30"}

        answer = ann.post("/accounts/restore", form)

        assert (answer.status, answer.location) == (303, "/accounts?done=restored")
        wanted = {"from": "2026-11-29T02:00:00Z", "to": "2026-11-29T04:30:00Z"}
        assert posted(world) == [("/accounts/wechat/shop/restore", wanted)]

    @pytest.mark.parametrize("time", ["", "soon", "2026-11-29T10:00'", "0001-01-01T00:00", "9999-12-31T23:59"])
    def test_a_time_that_is_none_reads_nothing_anew(self, world: World, ann: Browser, time: str) -> None:
        csrf = ann.get("/").forms("/sign-out")[0]["csrf"]
        form = {"csrf": csrf, "account": "wechat/shop", "from": time, "to": "2026-11-29T12:30"}

        answer = ann.post("/accounts/restore", form)

        assert answer.status in (404, 422)
        assert "Traceback" not in answer.text

    def test_a_key_that_rests_may_go_and_one_in_use_may_not(self, world: World, ann: Browser) -> None:
        how = world.api.answers["GET /accounts"]["accounts"][0]["health"]
        how["keys"] = [
            {"key": "api_v3_keys[0]", "used_at": "2026-11-30T01:00:00Z"},
            {"key": "api_v3_keys[1]", "used_at": "2026-11-20T01:00:00Z"},
        ]

        text = ann.get("/accounts").text

        assert text.count("do not remove it yet") == 1
        assert text.count("it may be removed") == 1


class TestActivityAndSettings:
    def test_who_did_what_is_said_in_words(self, ann: Browser) -> None:
        text = ann.get("/activity").text

        assert "Bob" in text
        assert "approved a refund" in text
        assert "looked at evidence" in text

    def test_a_time_zone_is_kept_in_the_browser(self, world: World, ann: Browser) -> None:
        csrf = ann.get("/settings").forms("/settings")[0]["csrf"]

        answer = ann.post("/settings", {"csrf": csrf, "zone": "Europe/Berlin", "sound": "on"})

        assert (answer.status, answer.location) == (303, "/settings?done=kept")
        assert ann.cookies["__Host-zone"] == "Europe.Berlin"
        assert "<option selected>Europe/Berlin</option>" in ann.get("/settings").text

    def test_a_zone_that_there_is_not_is_not_kept(self, ann: Browser) -> None:
        csrf = ann.get("/settings").forms("/settings")[0]["csrf"]

        ann.post("/settings", {"csrf": csrf, "zone": "Mars/Phobos"})

        assert "__Host-zone" not in ann.cookies


@pytest.mark.parametrize(
    ("path", "answer", "rows", "page"),
    [
        ("/activity", "GET /activity", "activity", 50),
        ("/charges", "GET /charges", "charges", 30),
        ("/inbox", "GET /exceptions", "exceptions", 30),
        ("/refunds", "GET /refunds", "refunds", 30),
    ],
)
def test_a_further_page_is_offered_only_where_there_may_be_one(
    world: World, path: str, answer: str, rows: str, page: int
) -> None:
    accounts = world.api.answers["GET /accounts"]["accounts"]
    accounts.append({**accounts[0], **CHARGES})
    ann = world.browser()
    ann.signs_in("ann")
    world.api.answers[answer]["cursor"] = "further"
    some = world.api.answers[answer][rows][:1]

    def offers(path: str) -> bool:
        return re.search(r'<p class="pages">.*cursor=further', ann.get(path).text) is not None

    world.api.answers[answer][rows] = some * page
    assert offers(path)
    assert not offers(f"{path}?cursor=further")  # the same cursor again ends a list
    world.api.answers[answer][rows] = some
    assert offers(path) is (path == "/charges")  # which looks only for some of the rows
