"""Every page, drawn from what the API of a running sandbox answered."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from countersign_console import drawing, view
from countersign_console.pages.ship import guessed, read_lines
from countersign_console.routes import ROUTES
from tests.console.conftest import ANSWERS, ORDER, Browser, World

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "layers/common/countersign/api/openapi.json").read_text(encoding="utf-8"))
LOOKS = {
    "/": "today",
    "/paid-today?day=2026-11-30": "paid",
    "/orders": "orders",
    "/orders?tab=decide": "orders",
    "/order?account=wechat%2Fshop&id=ORDER-0001": "order",
    "/order/timeline?account=wechat%2Fshop&id=ORDER-0001": "timeline",
    "/refunds": "refunds",
    "/ship": "ship",
    "/ship/many": "many",
    "/search?q=nothing": "search",
    "/inbox": "inbox",
    "/inbox?kind=quarantine": "inbox",
    "/bills": "bills",
    "/bills?month=2026-10": "bills",
    "/bill?day=2026-11-29": "bill",
    "/bill.csv?day=2026-11-29": "file",
    "/charges": "charges",
    "/accounts": "accounts",
    "/activity": "activity",
    "/settings": "settings",
}
ORDER_PAGE = "/order?account=wechat%2Fshop&id=ORDER-0001"
FILE = "\ufeffplatform,account\r\nwechat,茶\r\n".encode()
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def everything(world: World) -> World:
    """Return a world in which lookups answer, and a number that nothing has finds nothing."""
    world.api.answers["GET /search"] = {"found": []}
    world.api.answers["POST /lookup"] = {"found": []}
    world.api.answers["GET /reconciliation/shop/2026-11-29"] = FILE
    return world


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", LOOKS)
def test_a_page_is_drawn_with_two_calls_at_most_and_holds_no_script_of_its_own(
    everything: World, ann: Browser, path: str, language: str
) -> None:
    ann.language = language

    answer = ann.get(path)

    assert answer.status == 200
    assert len(everything.api.calls) <= 2
    assert {headers["accept-language"] for *_, headers in everything.api.calls} <= {language}
    scripts = re.findall(r"<script\b[^>]*>", answer.text)
    assert all(re.fullmatch(r'<script src="/static/[\w.]+" defer>', one) for one in scripts)
    assert not re.search(r"<[^>]*\s(?:on\w+|style)=", answer.text)
    assert "javascript:" not in answer.text
    if scripts:
        assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text


def test_every_page_is_looked_at_here() -> None:
    tried = {path.partition("?")[0] for path in LOOKS} | {"/news"}

    assert {path for method, path in ROUTES if method == "GET"} <= tried


def test_what_strangers_wrote_stays_text(world: World, ann: Browser) -> None:
    row = world.api.answers["GET /orders"]["orders"][0]
    row["description"], row["order_id"] = SCRIPT, f'"><img src=x onerror=alert(1)>{SCRIPT}'
    shown = world.api.answers[f"GET {ORDER}"]
    shown["description"] = shown["items"][0]["title"] = SCRIPT
    shown["metadata"] = {SCRIPT: 'javascript:alert("1")'}
    shown["refunds"][0]["reason"] = SCRIPT
    world.api.answers[f"GET {ORDER}/timeline"]["timeline"][0]["reason"] = SCRIPT

    for path in ("/orders", ORDER_PAGE, ORDER_PAGE.replace("/order", "/order/timeline")):
        text = ann.get(path).text
        assert "<script>" not in text
        assert "<img" not in text
        assert 'href="javascript:' not in text


def test_the_headers_are_on_every_answer(world: World, ann: Browser) -> None:
    stranger = world.browser()
    answers = [ann.get("/"), ann.get("/nothing"), stranger.get("/"), stranger.get("/signed-in"), stranger.post("/ship")]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_first_page_weighs_less_than_forty_kilobytes_in_five_requests(world: World, ann: Browser) -> None:
    page = ann.get("/orders")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    answers = [ann.get(path, accept_encoding="gzip, br") for path in files]

    assert all(answer.status == 200 for answer in answers)
    assert 1 + len(answers) <= 5
    assert len(page.raw) + sum(len(answer.raw) for answer in answers) <= 40_000
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}


def test_a_file_of_another_version_or_another_folder_is_not_there(world: World) -> None:
    browser = world.browser()

    for path in ("/static/console.0000000000000000.css", "/static/../routes.py", "/static/LICENSE.htmx", "/static/"):
        assert browser.get(path).status == 404


def test_every_call_is_one_of_the_apis(world: World, ann: Browser) -> None:
    """Whatever the console asks is in the API's own document."""
    known = {
        (method.upper(), re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    csrf = ann.get("/").forms("/sign-out")[0]["csrf"]
    form = {"csrf": csrf, "account": "wechat/shop", "id": "ORDER-0001", "refund_id": "rf1", "review_id": "r1"}
    form |= {"event_id": "e1", "notice_id": "n1", "what": "approve", "note": "x", "tracking_no": "YT1234567890123"}
    form |= {"exception_id": "x1", "day": "2026-11-29", "difference_id": "amount.2", "from": "2026-11-29T10:00"}
    form |= {
        "to": "2026-11-29T12:00",
        "carrier": "YTO",
        "lines": "ORDER-0001, YTO, YT1234567890123",
        "minor": "1",
        "currency": "CNY",
    }
    for path in [*LOOKS, "/news", "/news?after=x&order=ORDER-0001"]:
        ann.get(path)
    for method, path in ROUTES:
        if method == "POST":
            ann.post(path, form)

    asked = {(method, path.partition("?")[0]) for method, path, *_ in world.api.calls}
    assert len(asked) > 20
    strange = [one for one in asked if not any(one[0] == m and p.fullmatch(one[1]) for m, p in known)]
    assert strange == []


class TestOrder:
    def test_it_says_why_what_is_next_and_who_said_what(self, world: World, ann: Browser) -> None:
        text = ann.get(ORDER_PAGE).text

        assert "Paid 88.00 CNY at " in text
        assert "waits for somebody else than its requester" in text
        assert "It waits to be sent" in text
        assert "signed by the platform" in text
        assert "PUB_KEY_ID_" in text

    def test_times_are_beijings_unless_the_person_chose_another_zone(self, world: World, ann: Browser) -> None:
        paid_at = world.api.answers[f"GET {ORDER}"]["paid_at"]
        hour = int(paid_at[11:13])

        assert f"at {(hour + 8) % 24:02d}:" in ann.get(ORDER_PAGE).text
        ann.cookies["__Host-zone"] = "UTC"
        assert f"at {hour:02d}:" in ann.get(ORDER_PAGE).text

    def test_the_bytes_are_a_post_and_need_the_right(self, world: World, ann: Browser) -> None:
        event = next(one for one in ANSWERS[f"GET {ORDER}"]["events"] if one["digest"])
        (form, *_) = ann.get(ORDER_PAGE).forms("/order/evidence")

        assert form["event_id"] == event["event_id"]
        shown = ann.post("/order/evidence", form)
        assert "The bytes are those that were received" in shown.text
        assert ann.get("/order/evidence").status == 404
        world.api.scopes.remove("evidence:read")
        bob = world.browser()
        bob.signs_in("bob")
        assert bob.get(ORDER_PAGE).forms("/order/evidence") == []

    def test_what_was_done_is_said_on_the_page_that_follows(self, ann: Browser) -> None:
        assert "The refund is asked for; somebody else approves it." in ann.get(f"{ORDER_PAGE}&done=refund_asked").text
        assert 'class="ok"' not in ann.get(f"{ORDER_PAGE}&done=<b>made up</b>").text

    def test_a_question_says_what_each_answer_does(self, world: World, ann: Browser) -> None:
        shown = world.api.answers[f"GET {ORDER}"]
        event = shown["events"][-1]
        shown["review"] = [
            {
                "review_id": "r1",
                "reason": "amount",
                "meaning": "another amount was paid",
                "evidence": [event["event_id"]],
                "answers": [],
            }
        ]

        text = ann.get(ORDER_PAGE).text

        assert "another amount was paid" in text
        assert event["reason"] in text
        for effect in ("Two people must say so", "once a second person approves", "Nothing moves"):
            assert effect in text

    def test_what_only_repeats_is_folded_and_what_counted_is_not(self, world: World, ann: Browser) -> None:
        events = world.api.answers[f"GET {ORDER}"]["events"]
        paid = next(one for one in events if one["kind"] == "paid")
        events += [
            {**paid, "event_id": f"again{n}", "decision": "duplicate", "reason": "known already"} for n in range(4)
        ]

        text = ann.get(ORDER_PAGE).text

        assert "the same news 3 more times" in text
        assert text.count("paid 88.00 CNY, as the order asks") == 1

    def test_an_amount_that_is_none_is_said_before_the_api_is_asked(self, world: World, ann: Browser) -> None:
        form = {**ann.get(ORDER_PAGE).forms("/order/refund")[0], "amount": "thirty", "reason": "broken"}
        world.api.calls.clear()

        answer = ann.post("/order/refund", form)

        assert answer.status == 422
        assert 'value="thirty"' in answer.text
        assert world.api.calls == []

    def test_a_refund_is_asked_for_in_minor_units_under_the_forms_own_key(self, world: World, ann: Browser) -> None:
        world.api.answers[f"POST {ORDER}/refunds"] = (201, {})
        form = {**ann.get(ORDER_PAGE).forms("/order/refund")[0], "amount": "1,030.5", "reason": "broken"}

        assert ann.post("/order/refund", form).status == 303
        _, _, body, headers = world.api.calls[-1]
        assert body == {"reason": "broken", "amount": {"minor": 103050, "currency": "CNY"}}
        assert headers["idempotency-key"] == form["once"]


class TestShip:
    def test_a_scanners_enter_sends_the_first_parcel(self, world: World, ann: Browser) -> None:
        world.api.answers[f"POST {ORDER}/shipments"] = (201, {})
        page = ann.get("/ship")
        (form,) = page.forms("/ship")

        sent = ann.post("/ship", {**form, "tracking_no": " yt1234 5678 90123", "carrier": ""})

        assert (sent.status, sent.location) == (303, "/ship?done=ORDER-0001")
        assert world.api.calls[-1][2] == {"tracking_no": "YT1234567890123", "carrier": "YTO", "method": "express"}
        assert "autofocus" in page.text

    def test_a_refusal_stands_on_its_card_with_what_was_typed(self, world: World, ann: Browser) -> None:
        world.api.answers[f"POST {ORDER}/shipments"] = (
            409,
            {"code": "tracking_in_use", "detail": "the number is used for ORDER-0099"},
        )
        (form,) = ann.get("/ship").forms("/ship")

        answer = ann.post("/ship", {**form, "tracking_no": "YT1234567890123", "carrier": "YTO"})

        assert answer.status == 409
        assert "the number is used for ORDER-0099" in answer.text
        assert 'value="YT1234567890123"' in answer.text

    def test_a_number_that_names_no_carrier_asks_for_one(self, world: World, ann: Browser) -> None:
        (form,) = ann.get("/ship").forms("/ship")
        world.api.calls.clear()

        answer = ann.post("/ship", {**form, "tracking_no": "12345", "carrier": ""})

        assert answer.status == 422
        assert not world.api.asked("POST")

    @pytest.mark.parametrize(
        ("number", "known", "carrier"),
        [
            ("SF1234567890123", ["SF", "YTO"], "SF"),
            ("sf 1234567890123", ["shunfeng"], "shunfeng"),
            ("YT1234567890123", ["yuantong"], "yuantong"),
            ("YT1234567890123", ["SF"], ""),
            ("75123456789012", ["ZTO"], "ZTO"),
            ("hello", ["ZTO"], ""),
        ],
    )
    def test_a_number_says_whose_it_is(self, number: str, known: list[str], carrier: str) -> None:
        assert guessed(number, known) == carrier

    def test_C5_a_carrier_that_wants_digits_of_a_phone_is_asked_for_before_anything_is_recorded(
        self, world: World, ann: Browser
    ) -> None:
        form = ann.get("/ship").forms("/ship")[0]
        assert form["with_contact"] == "SF"
        world.api.calls.clear()
        number = "SF1234567890123"

        answer = ann.post("/ship", {**form, "tracking_no": number, "carrier": ""})
        assert answer.status == 422
        assert "SF needs the last four digits" in answer.text
        assert f'value="{number}"' in answer.text
        (many,) = ann.get("/ship/many").forms("/ship/many")
        answer = ann.post("/ship/many", {**many, "lines": f"A, YTO, YT1\nB, SF, {number}"})
        assert answer.status == 422
        assert "B: SF needs the last four digits" in answer.text
        assert world.api.asked("POST") == []

        world.api.answers["POST /shipments/batch"] = {"results": []}
        ann.post("/ship/many", {**many, "lines": f"B, SF, {number}, 5678"})
        (_, _, body, _) = world.api.calls[-1]
        assert [(one["tracking_no"], one["contact"]) for one in body["shipments"]] == [(number, "5678")]

    def test_many_lines_are_recorded_each_by_itself_and_what_was_refused_stays_in_the_field(
        self, world: World, ann: Browser
    ) -> None:
        world.api.answers["POST /shipments/batch"] = {
            "results": [
                {"order_id": "A", "status": 201, "problem": None},
                {"order_id": "B", "status": 409, "problem": {"detail": "the order is closed"}},
            ]
        }
        (form,) = ann.get("/ship/many").forms("/ship/many")

        answer = ann.post("/ship/many", {**form, "lines": "A, YTO, YT1\nB\tZTO\tZ2"})

        assert "the order is closed" in answer.text
        assert re.search(r"<textarea[^>]*>B, ZTO, Z2</textarea>", answer.text)

    @pytest.mark.parametrize("line", ["A,YTO,YT1", "A\tYTO\tYT1", "A YTO YT1", '"A", YTO , YT1', "A，YTO，YT1"])
    def test_lines_are_read_as_people_copy_them(self, line: str) -> None:
        assert read_lines(f"\n{line}\r\n\n") == [["A", "YTO", "YT1"]]


class TestNews:
    def test_nothing_new_is_204_and_one_call(self, world: World, ann: Browser) -> None:
        world.api.answers["GET /changes"] = (204, None)

        assert ann.get("/news?after=c1").status == 204
        assert world.api.asked() == ["/changes"]

    def test_what_the_page_shows_already_is_not_new(self, world: World, ann: Browser) -> None:
        change = {
            "order": {"platform": "wechat", "account": "shop", "order_id": "A"},
            "status": "paid",
            "updated_at": "2026-11-30T01:00:00Z",
        }
        world.api.answers["GET /changes"] = {"changes": [change], "cursor": "c2", "poll_after": 5}

        old = ann.get("/news?after=c1&seen=2026-11-30T01:00:00Z")
        new = ann.get("/news?after=c1&seen=2026-11-30T00:59:59Z")

        assert (old.status, old.headers["x-next-cursor"]) == (204, "c2")
        assert new.status == 200
        assert "1 new" in new.text
        assert 'data-changed="wechat/shop/A" data-status="paid"' in new.text

    def test_a_session_that_is_over_tells_the_open_page_so(self, world: World, ann: Browser) -> None:
        world.now += 3600

        answer = ann.get("/news?after=c1", hx_request="true")

        assert answer.status == 401
        assert "Your session is over" in answer.text


def test_a_search_that_finds_one_order_goes_there(world: World, ann: Browser) -> None:
    answer = ann.get("/search?q=ORDER-0001")

    assert (answer.status, unquote(answer.location)) == (303, "/order?account=wechat/shop&id=ORDER-0001")


def test_an_order_that_the_api_does_not_show_is_a_page_with_its_sentence(world: World, ann: Browser) -> None:
    world.api.answers["GET /orders/wechat/shop/X"] = (
        404,
        {"code": "no_such_order", "detail": "there is no such order"},
    )

    answer = ann.get("/order?account=wechat%2Fshop&id=X")

    assert answer.status == 404
    assert "there is no such order" in answer.text


def test_a_token_that_the_api_takes_no_more_has_the_person_sign_in(world: World, ann: Browser) -> None:
    world.api.answers["GET /orders"] = (401, {"message": "Unauthorized"})

    assert ann.get("/orders").status == 303


def test_a_person_without_any_account_sees_pages_and_no_error(world: World) -> None:
    world.api.answers["GET /accounts"] = {"accounts": []}
    browser = world.browser()
    browser.signs_in("new")

    for path in ("/", "/orders", "/ship", "/refunds"):
        assert browser.get(path).status == 200


def test_a_console_without_its_address_says_so(world: World, ann: Browser) -> None:
    world.console._settings = replace(world.settings, url="first")

    answer = ann.get("/")

    assert answer.status == 503
    assert "ConsoleUrl" in answer.text


def test_pages_that_the_build_compiled_say_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ann: Browser
) -> None:
    as_read = ann.get(ORDER_PAGE).text
    monkeypatch.setattr(drawing, "COMPILED", tmp_path / "compiled")
    drawing.write_compiled()
    monkeypatch.setattr(drawing, "TEMPLATES", tmp_path / "none")
    monkeypatch.setattr(view, "_made", None)

    as_compiled = ann.get(ORDER_PAGE).text

    assert len(list((tmp_path / "compiled").glob("*.py"))) == len(
        list((Path(drawing.__file__).parent / "templates").glob("*.html"))
    )
    assert without_chance(as_compiled) == without_chance(as_read)


def without_chance(text: str) -> str:
    return re.sub(r'name="once" value="[^"]*"', "", text)


@pytest.mark.parametrize("installed", [None, {"state": "active", "waiting": {"count": 0, "more": False}}])
def test_a_payment_link_is_offered_where_an_app_takes_the_payment(world: World, installed: object) -> None:
    world.api.answers["GET /accounts"]["accounts"][0]["health"]["installation"] = installed
    world.api.answers[f"GET {ORDER}"]["status"] = "pending"
    ann = world.browser()
    ann.signs_in("ann")

    assert len(ann.get(ORDER_PAGE).forms("/order/link")) == (1 if installed else 0)


BILL = "/bill?account=wechat%2Fshop&day=2026-11-29"
ASKED = ("ann", "asked for by")


@pytest.mark.parametrize(
    ("path", "who", "said"), [("/refunds", *ASKED), (ORDER_PAGE, *ASKED), (BILL, "bob", "settled by")]
)
def test_people_are_called_by_their_names_and_who_looks_is_you(world: World, path: str, who: str, said: str) -> None:
    for answer in ("GET /refunds", f"GET {ORDER}", "GET /reconciliation/shop/2026-11-29/lines"):
        world.api.answers[answer]["people"] = {"ann": "Ann & Co", "bob": "Bob & Co"}
    them, other = world.browser(), world.browser()
    them.signs_in(who)
    other.signs_in("sue")

    assert f"{said} {who.title()} &amp; Co" in other.get(path).text
    assert f"{said} you" in them.get(path).text


def test_what_the_merchants_own_side_did_is_said_of_people_and_a_key_is_shown_as_one(
    world: World, ann: Browser
) -> None:
    by, key = {"trust": "operator", "key_id": "bob"}, {"trust": "verified", "key_id": "KEY-1"}
    for event, vouched in zip(world.api.answers[f"GET {ORDER}"]["events"], (by, key), strict=False):
        event |= vouched
    events = [one for one in world.api.answers[f"GET {ORDER}/timeline"]["timeline"] if one["type"] == "event"]
    for event, vouched in zip(events, (by, key), strict=False):
        event |= vouched
    for answer in (f"GET {ORDER}", f"GET {ORDER}/timeline"):
        world.api.answers[answer]["people"] = {"bob": "Bob & Co"}

    for path in (ORDER_PAGE, ORDER_PAGE.replace("/order", "/order/timeline")):
        text = ann.get(path).text
        assert "Bob &amp; Co" in text
        assert "<code>KEY-1</code>" in text
        assert "<code>bob</code>" not in text


def test_who_is_nobody_has_a_word_and_not_a_code(world: World, ann: Browser) -> None:
    for refund in world.api.answers["GET /refunds"]["refunds"]:
        refund["requested_by"] = "user"

    assert "asked for by the buyer" in ann.get("/refunds").text
    assert "asked for by user" not in ann.get("/refunds").text
