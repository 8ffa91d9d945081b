"""What a form of another site, of another session or of a forger can do: nothing."""

import pytest

from tests.console.conftest import ORDER, Browser, World

ORDER_PAGE = "/order?account=wechat%2Fshop&id=ORDER-0001"
REFUND = "rf1"
APPROVE = f"{ORDER}/refunds/{REFUND}/approve"


def approve(browser: Browser, **changed: str) -> dict[str, str]:
    """Return the form that approves, as the desk has it."""
    csrf = browser.get("/refunds").forms("/sign-out")[0]["csrf"]
    form = {"csrf": csrf, "account": "wechat/shop", "id": "ORDER-0001", "refund_id": REFUND, "what": "approve"}
    return {**form, "minor": "3000", "currency": "CNY", "from": "desk", **changed}


def test_a_form_of_the_console_is_done(world: World, ann: Browser) -> None:
    world.api.answers[f"POST {APPROVE}"] = {"status": "approved"}

    answer = ann.post("/refunds/judge", approve(ann))

    assert (answer.status, answer.location) == (303, "/refunds?done=approved")
    (sent,) = [body for method, _, body, _ in world.api.calls if method == "POST"]
    assert sent == {"amount": {"currency": "CNY", "minor": 3000}}  # the amount that was seen


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "origin": "https://evil.example"},
        {"sec_fetch_site": "same-site", "origin": ""},
        {"sec_fetch_site": "none", "origin": ""},
        {"sec_fetch_site": "", "origin": "https://evil.example"},
        {"sec_fetch_site": "", "origin": "null"},
        {"sec_fetch_site": "same-origin", "origin": "https://evil.example"},
        {"sec_fetch_site": "", "origin": ""},
    ],
)
def test_what_does_not_come_from_the_console_is_refused(world: World, ann: Browser, headers: dict[str, str]) -> None:
    form = approve(ann)
    world.api.calls.clear()

    assert ann.post("/refunds/judge", form, **headers).status == 403
    assert world.api.calls == []


@pytest.mark.parametrize("headers", [{"sec_fetch_site": ""}, {"origin": ""}, {"origin": "null"}])
def test_one_of_the_two_marks_is_enough(world: World, ann: Browser, headers: dict[str, str]) -> None:
    world.api.answers[f"POST {APPROVE}"] = {"status": "approved"}

    assert ann.post("/refunds/judge", approve(ann), **headers).status == 303


def test_an_old_browser_is_told_why(ann: Browser) -> None:
    assert "newer browser" in ann.post("/refunds/judge", approve(ann), sec_fetch_site="", origin="").text


@pytest.mark.parametrize("csrf", ["", "x", "A" * 43, "é"])
def test_without_the_sessions_own_mark_nothing_is_done(world: World, ann: Browser, csrf: str) -> None:
    form = approve(ann, csrf=csrf)
    world.api.calls.clear()

    answer = ann.post("/refunds/judge", form)

    assert answer.status == 403
    assert world.api.calls == []


def test_the_mark_of_another_session_is_none(world: World, ann: Browser) -> None:
    bob = world.browser()
    bob.signs_in("bob")
    form = approve(bob)
    world.api.calls.clear()

    assert ann.post("/refunds/judge", form).status == 403
    assert world.api.asked("POST") == []


def test_after_signing_out_a_form_does_nothing(world: World, ann: Browser) -> None:
    form = approve(ann)
    kept = dict(ann.cookies)
    ann.post("/sign-out", ann.get("/").forms("/sign-out")[0])
    ann.cookies = kept
    world.api.calls.clear()

    assert ann.post("/refunds/judge", form).status == 401
    assert world.api.calls == []


def test_approving_twice_is_one_decision_and_no_error(world: World, ann: Browser) -> None:
    decided: list[int] = []

    def judged(_body: object) -> tuple[int, dict[str, object]]:
        decided.append(1)
        if len(decided) == 1:
            return 200, {"status": "approved"}
        return 409, {
            "code": "refund_is_already",
            "args": {"status": "approved"},
            "detail": "the refund is already approved",
        }

    world.api.answers[f"POST {APPROVE}"] = judged
    form = approve(ann)

    assert [ann.post("/refunds/judge", form).location for _ in range(2)] == ["/refunds?done=approved"] * 2


def test_a_forged_approval_of_the_requester_is_refused_by_the_api_and_shown(world: World, ann: Browser) -> None:
    detail = "this needs somebody else than who asked for the refund"
    world.api.answers[f"POST {APPROVE}"] = (403, {"code": "another_person_needed", "args": {}, "detail": detail})

    answer = ann.post("/refunds/judge", approve(ann))

    assert answer.status == 403
    assert detail in answer.text


def test_an_amount_that_changed_meanwhile_is_shown_and_nothing_is_approved(world: World, ann: Browser) -> None:
    world.api.answers[f"POST {APPROVE}"] = (
        409,
        {"code": "another_amount", "args": {}, "detail": "the refund is of 20.00 CNY"},
    )

    answer = ann.post("/refunds/judge", approve(ann))

    assert answer.status == 409
    assert "the refund is of 20.00 CNY" in answer.text


def test_the_requester_has_a_sentence_in_the_place_of_the_button(world: World, ann: Browser) -> None:
    page = ann.get("/refunds")

    assert "You asked for it: somebody else must decide." in page.text
    assert page.forms("/refunds/judge") == []


def test_a_no_answer_is_not_called_a_failure_and_the_same_again_is_done_once(world: World, ann: Browser) -> None:
    form = {**ann.get(ORDER_PAGE).forms("/order/refund")[0], "amount": "30.00", "reason": "broken"}
    world.api.losses = 1

    answer = ann.post("/order/refund", form)

    assert answer.status == 503
    assert "not certain whether it was done" in answer.text
    assert answer.forms("/order/refund")[0]["once"] == form["once"]


@pytest.mark.parametrize("path", ["/refunds/judge", "/order/refund", "/ship", "/order/note"])
def test_where_a_person_may_not_it_is_the_api_that_says_so(world: World, ann: Browser, path: str) -> None:
    csrf = ann.get("/").forms("/sign-out")[0]["csrf"]
    world.api.calls.clear()

    answer = ann.post(
        path,
        {
            "csrf": csrf,
            "account": "wechat/other",
            "id": "X",
            "what": "approve",
            "note": "n",
            "tracking_no": "YT1234567890123",
            "carrier": "YTO",
        },
    )

    assert answer.status in (404, 403)
    assert world.api.asked("POST")


def test_language_is_a_cookie_and_the_way_back_stays_inside(world: World, ann: Browser) -> None:
    csrf = ann.get("/").forms("/sign-out")[0]["csrf"]

    answer = ann.post("/language", {"csrf": csrf, "language": "zh", "back": "//evil.example/x"})

    assert (answer.status, answer.location) == (303, "/")
    assert 'lang="zh-CN"' in ann.get("/orders").text


@pytest.mark.parametrize("minor", ["9" * 5000, "٣", "-1", "1e9", ""])
def test_an_amount_that_nobody_could_have_seen_is_no_crash(world: World, ann: Browser, minor: str) -> None:
    world.api.answers[f"POST {ORDER}/refunds/{approve(ann)['refund_id']}/approve"] = (422, {"detail": "no such amount"})

    answer = ann.post("/refunds/judge", {**approve(ann), "minor": minor})

    assert answer.status == 422


def test_an_endless_amount_is_asked_back_by_nobody(ann: Browser) -> None:
    form = {**approve(ann), "amount": "9" * 20_000, "currency": "CNY"}

    assert ann.post("/order/refund", form).status == 422


@pytest.mark.parametrize("path", ["/orders", "/order", "/inbox", "/bill", "/activity", "/search", "/refunds", "/news"])
def test_half_a_character_in_an_address_is_no_crash(world: World, ann: Browser, path: str) -> None:
    event = {
        "rawPath": path,
        "rawQueryString": "q=%ED%A0%80",
        "queryStringParameters": dict.fromkeys(("q", "id", "cursor", "person", "day", "after", "from"), "\ud800"),
        "headers": {"host": "console.example.com"},
        "cookies": [f"{name}={value}" for name, value in ann.cookies.items()],
        "requestContext": {"http": {"method": "GET", "sourceIp": "192.0.2.1"}, "domainName": "console.example.com"},
    }

    assert world.console.answer(event, now=world.now)["statusCode"] < 500
