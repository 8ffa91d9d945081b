"""Whatever a browser sends: the console answers, never with 500 and never with a traceback.

The seed is printed with a failure: `FUZZ_SEED=n` plays it again.
"""

import base64
import os
import random
import secrets
from typing import Any
from urllib.parse import quote_plus

from countersign_console.routes import ROUTES
from tests.console.conftest import URL, Browser, World

TURNS = 400
NASTY = (
    *("", " ", "\x00", "\ud800", "\u202e", "null", "-1", "1e999", "9" * 5000, "[" * 200, "<script>", "{{7*7}}", "%00"),
    *("//evil.example", "/\\evil.example", "javascript:alert(1)", "../..", "\r\nset-cookie: a=b", "wechat/shop", "~"),
    *("2026-11-31", "0000-00-00", "2026-99", "付款", "a" * 70_000, "=1+1", "wechat/", "/", "ORDER-0001"),
)
NAMES = (
    *("account", "id", "q", "tab", "kind", "day", "month", "from", "to", "cursor", "after", "seen", "order", "back"),
    *(
        "done",
        "person",
        "lang",
        "amount",
        "currency",
        "minor",
        "what",
        "refund_id",
        "event_id",
        "difference_id",
        "note",
    ),
    *("lines", "tracking_no", "carrier", "contact", "zone", "sound", "language", "outcome", "decision", "review_id"),
    *("exception_id", "group", "first", "first", "form", "once", "csrf", "badges", "code", "state", "leave"),
)
PATHS = (*{path for _, path in ROUTES}, "/signed-in", "/signed-out", "/static/console.css", "/static/..")


def _pairs(dice: random.Random) -> list[tuple[str, str]]:
    return [(dice.choice(NAMES), dice.choice(NASTY)) for _ in range(dice.randrange(6))]


def _query(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={quote_plus(value, errors='surrogatepass')}" for name, value in pairs)


def _event(dice: random.Random, browser: Browser, csrf: str) -> dict[str, Any]:
    path = dice.choice(PATHS) if dice.random() < 0.9 else f"/{dice.choice(NASTY)}"
    asked, cookies = _pairs(dice), [f"{name}={value}" for name, value in browser.cookies.items()]
    if dice.random() < 0.2:
        cookies = [f"{name}={dice.choice(NASTY)}" for name in ("__Host-cs", "__Host-si", "__Host-lang", "__Host-zone")]
    elif dice.random() < 0.3:
        cookies += [f"{name}={dice.choice(NASTY)}" for name in ("__Host-zone", "__Host-lang", "__Host-sound")]
    event: dict[str, Any] = {
        "rawPath": path,
        "rawQueryString": _query(asked),
        "queryStringParameters": dict(asked) or None,
        "headers": {
            "sec-fetch-site": dice.choice(("same-origin", "same-origin", "cross-site", dice.choice(NASTY))),
            "origin": dice.choice((URL, URL, dice.choice(NASTY))),
            "accept-language": dice.choice(("en", "zh", dice.choice(NASTY))),
            "hx-request": dice.choice(("true", "", dice.choice(NASTY))),
        },
        "cookies": cookies,
        "requestContext": {"http": {"method": dice.choice(("GET", "POST")), "sourceIp": "192.0.2.1"}},
    }
    if event["requestContext"]["http"]["method"] == "POST":
        form = _query([*_pairs(dice), ("csrf", csrf if dice.random() < 0.8 else dice.choice(NASTY))]).encode()
        if dice.random() < 0.1:
            form = bytes(dice.randrange(256) for _ in range(50))
        event |= {"body": base64.b64encode(form).decode(), "isBase64Encoded": True}
        if dice.random() < 0.1:
            event |= {"body": dice.choice(NASTY), "isBase64Encoded": dice.random() < 0.5}
    return event


def test_whatever_a_browser_sends_no_answer_is_a_crash_and_none_leads_elsewhere(world: World, ann: Browser) -> None:
    seed = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(2**32))
    dice, most = random.Random(seed), 0
    world.api.answers["GET /search"] = {"found": []}
    csrf = ann.get("/settings").forms("/settings")[0]["csrf"]
    for turn in range(TURNS):
        event = _event(dice, ann, csrf)
        answer = world.console.answer(event, now=world.now)
        said = f"FUZZ_SEED={seed}, turn {turn}: {answer['statusCode']} {event}"
        # The API before it answers well or says that there is nothing, so nothing here may be unavailable.
        assert answer["statusCode"] < 500, said
        assert "Traceback" not in answer["body"], said
        where = answer["headers"].get("location", "")
        if not where.startswith("https://issuer.example.com/"):
            assert not where or (where.startswith("/") and not where.startswith(("//", "/\\"))), said
        assert not any("\n" in value or "\r" in value for value in (where, *answer.get("cookies", ()))), said
        assert "<script>alert" not in answer["body"], said
        most += answer["statusCode"] == 200
    assert most > TURNS // 20  # else nothing was tried
