"""Sample events of Recharge's functions: deliveries with both signatures and in both shapes, schedules, bus events."""

from __future__ import annotations

import json
from typing import Any

from conformance.signers import recharge as signer
from sandbox.events import shapes
from sandbox.events.shared import ROOT, Case, SampleEvents

ACCOUNT = "store"
FAILED, PAID, OLDER = "rc-wh-pub-01-charge-failed", "rc-wh-pub-02-charge-paid", "rc-wh-pub-04-2021-01-shape"
Json = dict[str, Any]


class RechargeMaker:
    """Makes events for one moment; the same moment makes the same bytes."""

    def __init__(self, now: int) -> None:
        self.now = now
        published = json.loads((ROOT / "tests/vectors/recharge_public.json").read_text(encoding="utf-8"))
        self._vectors = {vector["name"]: vector for vector in published["vectors"]}
        self.secret = self._vectors[FAILED]["inputs"]["client_secret"]

    def documents(self) -> dict[str, Json]:
        """Return the account document that the events are for."""
        store = {
            "api_token": "sk_1x1_token_of_sample_events",
            "client_secrets": [self.secret],
            "api_version": "2021-11",
            "shop": "vec-shop.myshopify.com",
            "currency": "USD",
        }
        return {ACCOUNT: store}

    def body(self, name: str, **changes: Any) -> bytes:
        """Return a vector's body, as it was signed or with other fields of the charge."""
        text = self._vectors[name]["raw_request"]["body"]
        if not changes:
            return str(text).encode()
        charge = json.loads(text)["charge"] | changes
        return json.dumps({"charge": charge}, ensure_ascii=False, separators=(",", ":")).encode()

    def delivery(
        self, body: bytes, *, age: int = 0, drop: tuple[str, ...] = (), headers: dict[str, str] | None = None
    ) -> Json:
        """Return a delivery signed `age` seconds ago; headers may be left out or replaced."""
        made = signer.headers(self.secret, body, self.now - age) | (headers or {})
        sent = {name: value for name, value in made.items() if name not in drop}
        route = "POST /recharge/{account}/webhook"
        return shapes.http(route, self.now, parameters={"account": ACCOUNT}, headers=sent, body=body)

    def other(self, content: Json) -> Json:
        """Return a delivery about something else than a charge."""
        return self.delivery(json.dumps(content).encode())


def sample_events(now: int) -> SampleEvents:
    """Return every case, signed for a moment."""
    maker = RechargeMaker(now)
    return SampleEvents({**_deliveries(maker), **_others(maker)}, maker.documents())


def _deliveries(maker: RechargeMaker) -> dict[str, Case]:
    failed, paid, older = (maker.body(name) for name in (FAILED, PAID, OLDER))
    newer = ("X-Recharge-Webhook-Signature", "X-Recharge-Webhook-Timestamp")
    wrong = f"t={maker.now},v1={'0' * 64}"
    found = {
        "failed": Case(maker.delivery(failed), 200, "a charge failed", becomes="failed"),
        "failed-legacy": Case(maker.delivery(failed, drop=newer), 200, "by the older signature", becomes="failed"),
        "paid": Case(
            maker.delivery(paid), 200, "it succeeded later", becomes="paid", after=("recharge_webhook.failed",)
        ),
        "late-failure": Case(
            maker.delivery(failed), 200, "an older failure after it", becomes="paid", after=("recharge_webhook.paid",)
        ),
        "older-shape": Case(maker.delivery(older), 200, "in the shape of 2021-01", becomes="failed"),
        "unknown-error": Case(
            maker.delivery(maker.body(FAILED, error_type="ERROR_OF_NEXT_YEAR")), 200, "kept and shown", becomes="failed"
        ),
        "unknown-status": Case(maker.delivery(maker.body(FAILED, status="odd")), 200, "kept, changes nothing"),
        "no-charge": Case(maker.other({"subscription": {"id": 7}}), 200, "evidence, and nobody's work"),
        "unreadable": Case(
            maker.delivery(maker.body(FAILED, total_price="much")), 200, "genuine and unreadable: in quarantine"
        ),
        "replayed": Case(
            maker.delivery(failed, headers={"X-Request-Id": "another"}),
            200,
            "again, under a new header that nothing signs",
            becomes="failed",
            after=("recharge_webhook.failed",),
        ),
        "stale": Case(maker.delivery(failed, age=172_801), 401, "signed more than 48 hours ago"),
        "future": Case(maker.delivery(failed, age=-172_801), 401, "signed more than 48 hours ahead"),
        "no-fallback": Case(
            maker.delivery(failed, headers={"X-Recharge-Webhook-Signature": wrong}),
            401,
            "the newer signature is wrong, the older one good",
        ),
        "no-signature": Case(
            maker.delivery(failed, drop=(*newer, "X-Recharge-Hmac-Sha256")), 401, "nothing says whose it is"
        ),
        "tampered": Case(
            maker.delivery(
                maker.body(FAILED, total_price="0.01"),
                drop=newer,
                headers={"X-Recharge-Hmac-Sha256": signer.legacy(maker.secret, failed)},
            ),
            401,
            "another amount than was signed",
        ),
    }
    return {f"recharge_webhook.{name}": case for name, case in found.items()}


def _others(maker: RechargeMaker) -> dict[str, Case]:
    now = maker.now
    key = {"platform": "recharge", "account": ACCOUNT, "order_id": "990100001"}
    event_id = f"retry_asked.operator.{'e' * 64}"
    wanted = {"id": f"charge.retry_requested.{event_id}", **key, "version": 2, "event_id": event_id}
    found = {
        "recharge_retry.wanted": Case(shapes.bus("charge.retry_requested", wanted, now), None, "tries at once"),
        "recharge_redrive.day": Case({"day": shapes.day(now)}, None, "what one day's quarantine holds is taken again"),
        "recharge_scan.schedule": Case(
            shapes.schedule("RechargeScanRegularly", now), None, "every ten minutes: reads lists", needs_platform=True
        ),
        "recharge_guard.schedule": Case(
            shapes.schedule("RechargeGuardRegularly", now),
            None,
            "every hour: looks after subscriptions",
            needs_platform=True,
        ),
    }
    for function, word in (("poll", "asks"), ("retry", "tries again")):
        event = shapes.schedule(f"Recharge{function.capitalize()}EveryMinute", now)
        found[f"recharge_{function}.schedule"] = Case(event, None, f"every minute: {word}")
    return found
