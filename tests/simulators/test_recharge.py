"""Recharge's simulator: both versions, both ways of paging, the bucket, dunning, deliveries and their end."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from conformance.signers import recharge as recharge_signer
from sandbox.simulators.recharge import Simulator, webhooks

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = {"x-recharge-access-token": "sk_1x1_token", "x-recharge-version": "2021-11"}
DAY = 86_400
Json = dict[str, Any]


class Clock:
    def __init__(self) -> None:
        self.time = 1_795_356_005.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def platform(clock: Clock, tmp_path: Path) -> Simulator:
    document = {"api_token": "sk_1x1_token", "client_secrets": ["secret"]}
    inbox = SimpleNamespace(add=lambda kind, entry: None)
    return Simulator(clock, {"store": document}, inbox, "http://127.0.0.1:1", tmp_path)


def call(
    platform: Simulator, path: str, method: str = "GET", body: object = None, **headers: str
) -> tuple[int, Any, Json]:
    path, _, query = path.partition("?")
    named = TOKEN | {name.replace("_", "-"): value for name, value in headers.items()}
    status, own, answer = platform.handle(method, path, query, named, json.dumps(body or {}).encode())
    return status, json.loads(answer or b"null"), own


def make(platform: Simulator, what: str, **body: Any) -> Json:
    status, answer = platform.control(what, {"account": "store", **body})
    assert status == 200, answer
    return answer


def work(platform: Simulator, clock: Clock, seconds: float, step: float = DAY / 4) -> None:
    """Let time pass as the background worker would see it, step by step."""
    end = clock.time + seconds
    while clock.time < end:
        clock.time = min(end, clock.time + step)
        for due in platform._postman.due():
            due()


def test_without_a_token_or_with_a_version_that_does_not_exist(platform: Simulator) -> None:
    assert call(platform, "/charges", x_recharge_access_token="other")[0] == 401
    assert call(platform, "/charges", x_recharge_version="2020-01")[0] == 426


def test_the_bucket_holds_forty_calls_and_leaks_two_a_second(platform: Simulator, clock: Clock) -> None:
    statuses = [call(platform, "/store")[0] for _ in range(41)]
    assert statuses == [200] * 40 + [429]
    clock.time += 1
    assert [call(platform, "/store")[0] for _ in range(3)] == [200, 200, 429]
    assert call(platform, "/store")[2].get("X-Recharge-Limit") is None
    clock.time += 20
    assert call(platform, "/store")[2]["X-Recharge-Limit"] == "1/40"


def test_pages_by_cursor_end_without_one_and_take_no_other_parameter(platform: Simulator) -> None:
    make(platform, "bulk", count=5, failed=5)
    _, first, _ = call(platform, "/charges?limit=2&status=error&sort_by=updated_at-asc")
    _, second, _ = call(platform, f"/charges?limit=2&cursor={first['next_cursor']}")
    _, third, _ = call(platform, f"/charges?limit=2&cursor={second['next_cursor']}")

    assert [len(page["charges"]) for page in (first, second, third)] == [2, 2, 1]
    assert third["next_cursor"] is None
    assert len({one["id"] for page in (first, second, third) for one in page["charges"]}) == 5
    assert call(platform, f"/charges?limit=2&status=error&cursor={first['next_cursor']}")[0] == 422


def test_a_cursor_ends_after_an_hour(platform: Simulator, clock: Clock) -> None:
    make(platform, "bulk", count=5)
    _, first, _ = call(platform, "/charges?limit=2")
    clock.time += 3601

    assert call(platform, f"/charges?limit=2&cursor={first['next_cursor']}")[0] == 422


def test_the_older_version_has_page_numbers_up_to_a_hundred_and_says_what_follows(platform: Simulator) -> None:
    make(platform, "bulk", count=4, failed=4)
    status, page, headers = call(platform, "/charges?page=1&limit=2&status=ERROR", x_recharge_version="2021-01")

    assert (status, len(page["charges"])) == (200, 2)
    assert 'rel="next"' in headers["Link"]
    assert page["charges"][0]["status"] == "ERROR"
    assert "currency" not in page["charges"][0]
    assert call(platform, "/charges?page=101&limit=2", x_recharge_version="2021-01")[0] == 422


def test_what_was_processed_ninety_days_ago_is_found_by_its_number_only(platform: Simulator, clock: Clock) -> None:
    charge = make(platform, "charge", attempt=True)
    clock.time += 91 * DAY

    assert call(platform, "/charges?limit=50")[1]["charges"] == []
    assert call(platform, f"/charges/{charge['id']}")[0] == 200


def test_it_tries_again_the_next_day_then_every_six_days_and_gives_up(platform: Simulator, clock: Clock) -> None:
    charge = make(platform, "charge", will="CARD_DECLINED", attempt=True)
    seen = []
    for _ in range(50):
        work(platform, clock, DAY)
        seen.append(make(platform, "ledger", charge_id=charge["id"])["charges"][0]["attempts"])

    assert [day for day in range(1, 50) if seen[day] != seen[day - 1]] == [6, 12, 18, 24, 30, 36]
    last = make(platform, "ledger", charge_id=charge["id"])["charges"][0]
    assert (last["attempts"], last["error_type"], last["retry_at"]) == (8, "CLOSED_MAX_RETRIES_REACHED", None)


def test_a_renewed_card_succeeds_the_next_day(platform: Simulator, clock: Clock) -> None:
    charge = make(platform, "charge", will="CARD_EXPIRED", attempt=True)
    make(platform, "card", charge_id=charge["id"])
    work(platform, clock, DAY + 60)

    assert make(platform, "ledger", charge_id=charge["id"])["charges"][0]["status"] == "success"


def test_process_takes_what_can_be_taken_and_refuses_the_rest(platform: Simulator) -> None:
    charge = make(platform, "charge", will="CARD_DECLINED", attempt=True)
    path = f"/charges/{charge['id']}/process"
    assert call(platform, path, "POST")[0] == 402
    make(platform, "will", charge_id=charge["id"], will="")
    assert call(platform, path, "POST")[1]["charge"]["status"] == "success"
    assert call(platform, path, "POST")[0] == 422
    assert call(platform, "/charges/1/process", "POST")[0] == 404


def test_subscriptions_are_made_listed_and_ended(platform: Simulator) -> None:
    for _ in range(10):
        assert (
            call(platform, "/webhooks", "POST", {"topic": "charge/failed", "address": "https://a.example.com"})[0]
            == 201
        )
    assert call(platform, "/webhooks", "POST", {"topic": "charge/failed", "address": "https://a.example.com"})[0] == 422
    assert len(call(platform, "/webhooks")[1]["webhooks"]) == 10
    assert make(platform, "unsubscribe")["subscriptions"] == []


def test_a_delivery_is_signed_both_ways_and_names_no_topic(platform: Simulator) -> None:
    body = b'{"charge":{"id":1}}'
    made = recharge_signer.headers("secret", body, 1_795_356_005)

    assert made["X-Recharge-Hmac-Sha256"] == hashlib.sha256(b"secret" + body).hexdigest()
    assert made["X-Recharge-Webhook-Signature"].startswith("t=1795356005,v1=")
    assert not any("topic" in name.lower() for name in made)
    assert sum(webhooks.RETRIES) == 48 * 3600
    assert len(webhooks.RETRIES) == 19


def test_an_address_that_never_answers_loses_its_subscription_after_48_hours(platform: Simulator, clock: Clock) -> None:
    make(platform, "subscribe", topic="charge/failed", address="http://127.0.0.1:9/closed")
    make(platform, "charge", will="CARD_DECLINED", attempt=True)
    for due in platform._postman.due():
        due()
    work(platform, clock, 48 * 3600 - 10, step=120)
    assert len(make(platform, "subscriptions")["subscriptions"]) == 1
    work(platform, clock, 3600, step=120)

    ended = make(platform, "subscriptions")
    assert ended["subscriptions"] == []
    assert [one["topic"] for one in ended["ended"]] == ["charge/failed"]
