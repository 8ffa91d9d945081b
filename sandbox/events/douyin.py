"""Sample events of Douyin's functions: callbacks of both systems, a create call, schedules and queue messages."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from conformance.signers import douyin as signer
from sandbox.events import shapes
from sandbox.events.shared import ROOT, Case, SampleEvents

ACCOUNT = "app"
ORDER, TRADE_ORDER = "EV-dy-1", "EV-dy-2"
OLD_NUMBER, NEW_NUMBER = "N7500000000000000001", "ots75000000000000000001"
Json = dict[str, Any]


class DouyinMaker:
    """Makes events for one moment; the same moment makes the same bytes."""

    def __init__(self, now: int) -> None:
        self.now = now
        published = json.loads((ROOT / "tests/vectors/douyin_public.json").read_text(encoding="utf-8"))
        self._keys, self._secrets = published["keys"], published["secrets"]
        self._platform = load_pem_private_key(self._keys["pub_platform"].encode(), None)
        self.app_id = self._secrets["app_id"]

    def documents(self) -> dict[str, Json]:
        """Return the account document that the events are for: an app that is moving, so it has both systems' keys."""
        app = {
            "app_id": self.app_id,
            "system": "ecpay",
            "goods": {
                "type": 301,
                "tag_group_id": "tag_group_7272625659888058380",
                "image_url": "https://shop.example.com/item.png",
                "entry_path": "pages/order/index",
            },
            "salts": [self._secrets["salt"]],
            "tokens": [self._secrets["token"]],
            "merchant_uid": self._secrets["merchant"],
            "app_secret": "6b1f0c2d9e8a47735512ab90cd34ef56",
            "app_private_key_pem": self._keys["pub_app"],
            "key_version": "1",
            "platform_public_keys": [self._keys["pub_platform_pub"]],
            "paid_late_policy": "ask",
        }
        return {ACCOUNT: app}

    def order(self, number: str, system: str) -> Json:
        """Return the terms of the order that a case is about."""
        return {"account": ACCOUNT, "order_id": number, "minor": 8800, "currency": "CNY", "system": system}

    def ecpay(self, message: Json, kind: str = "payment", *, age: int = 0, **outer: Any) -> Json:
        """Return a callback of guaranteed payment; `outer` replaces fields after it was signed."""
        timestamp, nonce = str(self.now - age), "4711"
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        signature = signer.callback_sign(self._secrets["token"], timestamp, nonce, text)
        body = {"timestamp": timestamp, "nonce": nonce, "msg": text, "msg_signature": signature, "type": kind, **outer}
        return self._http(json.dumps(body, ensure_ascii=False), {})

    def trade(self, message: Json, kind: str = "payment", *, signature: str = "") -> Json:
        """Return a callback of the trade system."""
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        body = json.dumps({"version": "3.0", "type": kind, "msg": text}, ensure_ascii=False, separators=(",", ":"))
        timestamp, nonce = str(self.now), "b2f1c0de"
        made = signer.sign(self._platform, timestamp, nonce, body)  # type: ignore[arg-type]
        headers = {"byte-timestamp": timestamp, "byte-nonce-str": nonce, "byte-signature": signature or made}
        return self._http(body, headers)

    def _http(self, body: str, headers: dict[str, str]) -> Json:
        route = "POST /douyin/{account}/callback"
        sent = {"content-type": "application/json", **headers}
        return shapes.http(route, self.now, parameters={"account": ACCOUNT}, headers=sent, body=body)

    def payment(self, **changes: Any) -> Json:
        """Return what guaranteed payment says of a payment."""
        message = {
            "appid": self.app_id,
            "cp_orderno": ORDER,
            "cp_extra": "",
            "way": "1",
            "channel_no": "4200002026112200000000000001",
            "payment_order_no": "PCP2026112200000000000001",
            "total_amount": 8800,
            "status": "SUCCESS",
            "seller_uid": self._secrets["merchant"],
            "extra": "",
            "item_id": "",
            "paid_at": self.now - 5,
            "message": "",
            "order_id": OLD_NUMBER,
        }
        return message | changes

    def trade_payment(self, **changes: Any) -> Json:
        """Return what the trade system says of a payment."""
        message = {
            "app_id": self.app_id,
            "out_order_no": TRADE_ORDER,
            "order_id": NEW_NUMBER,
            "status": "SUCCESS",
            "total_amount": 8800,
            "discount_amount": 0,
            "pay_channel": 10,
            "channel_pay_id": "TP2026112200000000000000000001",
            "merchant_uid": self._secrets["merchant"],
            "message": "",
            "event_time": (self.now - 5) * 1000,
            "cp_extra": "",
        }
        return message | changes


def sample_events(now: int) -> SampleEvents:
    """Return every case, signed for a moment."""
    maker = DouyinMaker(now)
    return SampleEvents({**_callbacks(maker), **_merchant(maker)}, maker.documents())


def _callbacks(maker: DouyinMaker) -> dict[str, Case]:
    old, new = maker.order(ORDER, "ecpay"), maker.order(TRADE_ORDER, "trade")
    payment, now = maker.payment(), maker.now
    refund = {
        "appid": maker.app_id,
        "cp_refundno": f"rf{'0' * 32}",
        "status": "SUCCESS",
        "refund_amount": 2800,
        "is_all_settled": False,
        "refunded_at": now,
        "message": "",
        "order_id": OLD_NUMBER,
        "refund_no": "N7500000000000000077",
    }
    settle = {
        "app_id": maker.app_id,
        "cp_settle_no": ORDER,
        "status": "SUCCESS",
        "rake": 52,
        "commission": 0,
        "settle_detail": "",
        "settled_at": now,
        "message": "",
        "order_id": OLD_NUMBER,
        "settle_amount": 8800,
        "settle_no": "N7500000000000000099",
        "out_order_no": "",
        "is_auto_settle": False,
    }
    wanted = {
        "app_id": maker.app_id,
        "open_id": "ffwqeqgyqwe312",
        "refund_id": "otr75000000000000000008",
        "order_id": NEW_NUMBER,
        "out_order_no": TRADE_ORDER,
        "refund_total_amount": 8800,
        "need_refund_audit": 1,
        "refund_audit_deadline": (now + 259_200) * 1000,
        "create_refund_time": now * 1000,
        "refund_source": 1,
        "refund_reason": ["不想要了"],
    }
    timestamp = str(now)
    found = {
        "paid-ecpay": Case(maker.ecpay(payment), 200, "guaranteed payment: paid", old, "paid"),
        "paid-trade": Case(maker.trade(maker.trade_payment()), 200, "the trade system: paid", new, "paid"),
        "duplicate": Case(
            maker.ecpay(payment), 200, "the same payment again", old, "paid", ("douyin_callback.paid-ecpay",)
        ),
        "cancelled": Case(
            maker.trade(maker.trade_payment(status="CANCEL", message="TIME_OUT")), 200, "it ran out", new, "closed"
        ),
        "wrong-amount": Case(maker.ecpay(maker.payment(total_amount=1)), 200, "a question", old, "review"),
        "unknown-status": Case(maker.ecpay(maker.payment(status="ODD")), 200, "kept, changes nothing", old, "pending"),
        "refund": Case(
            maker.ecpay(refund, "refund"),
            200,
            "made in the console: counts when a query agrees",
            old,
            "paid",
            ("douyin_callback.paid-ecpay",),
        ),
        "settled": Case(maker.ecpay(settle, "settle"), 200, "settled", old, "paid", ("douyin_callback.paid-ecpay",)),
        "user-refund": Case(
            maker.trade(wanted, "pre_create_refund"),
            200,
            "the user asks: answered with our number",
            new,
            "paid",
            ("douyin_callback.paid-trade",),
        ),
        "orphan": Case(maker.ecpay(maker.payment(cp_orderno="EV-dy-unknown")), 200, "kept until its order appears"),
        "stale": Case(maker.ecpay(payment, age=3 * 86_400), 200, "too old to be news: asked about", old, "pending"),
        "type-changed": Case(maker.ecpay(payment, "refund"), 401, "type is not signed", old, "pending"),
        "extra-field": Case(maker.ecpay(payment, amount="1"), 401, "nothing signs it", old, "pending"),
        "swapped": Case(
            maker.ecpay(payment, timestamp="4711", nonce=timestamp), 401, "timestamp and nonce swapped", old, "pending"
        ),
        "shifted": Case(
            maker.ecpay(payment, timestamp=timestamp[:-1], nonce=f"{timestamp[-1]}4711"),
            401,
            "a digit moved over the border",
            old,
            "pending",
        ),
        "tampered": Case(
            maker.trade(maker.trade_payment(), signature="AAAA"), 401, "not signed by Douyin", new, "pending"
        ),
        "other-app": Case(maker.ecpay(maker.payment(appid="tt-other")), 401, "another app's", old, "pending"),
    }
    return {f"douyin_callback.{name}": case for name, case in found.items()}


def _merchant(maker: DouyinMaker) -> dict[str, Case]:
    now = maker.now
    route, parameters = "POST /douyin/{account}/payments", {"account": ACCOUNT}
    claims = shapes.claims(now, "payments:write")

    def create(**changes: Any) -> Json:
        body = {
            "order_id": "EV-dy-3",
            "amount": {"minor": 8800, "currency": "CNY"},
            "description": "Milk tea",
        } | changes
        headers = {"content-type": "application/json"}
        text = json.dumps(body)
        return shapes.http(route, now, parameters=parameters, headers=headers, body=text, claims=claims)

    message = {"platform": "douyin", "account": ACCOUNT, "order_id": ORDER}
    found = {
        "douyin_create_payment.ecpay": Case(create(), 201, "guaranteed payment", needs_platform=True),
        "douyin_create_payment.dollars": Case(
            create(amount={"minor": 8800, "currency": "USD"}), 400, "Douyin knows the yuan only"
        ),
        "douyin_create_payment.bad-number": Case(create(order_id="A|1"), 400, "a character that Douyin does not take"),
        "douyin_poll.sqs": Case(shapes.sqs("DouyinPollQueue", [json.dumps(message)], now), None, "nothing is due"),
    }
    found["douyin_redrive.day"] = Case(
        {"day": shapes.day(now)}, None, "what one day's quarantine holds is taken in again"
    )
    event_id = shapes.event_id("paid", maker.app_id, "douyin", ACCOUNT, TRADE_ORDER, NEW_NUMBER, 8800, "CNY", now - 5)
    found["douyin_redrive.replay"] = Case(
        {"replay": {"account": ACCOUNT, "order_id": TRADE_ORDER, "event_id": event_id}},
        None,
        "a stored event is decided again",
        maker.order(TRADE_ORDER, "trade"),
        "paid",
        ("douyin_callback.paid-trade",),
    )
    sent = {"id": f"shipment.created.{'e' * 64}", **message, "version": 4, "event_id": "e" * 64}
    found["douyin_ship.created"] = Case(shapes.bus("shipment.created", sent, now), None, "tells of it at once")
    found["douyin_bill.schedule"] = Case(shapes.schedule("DouyinBillFromTen", now), None, "compares what is due")
    for function, word in (
        ("poll", "asks"),
        ("refund", "makes refunds and tells decisions"),
        ("settle", "settles"),
        ("ship", "tells of shipments and states"),
    ):
        name = "".join(part.capitalize() for part in f"douyin_{function}".split("_"))
        event = shapes.schedule(f"{name}EveryMinute", now)
        found[f"douyin_{function}.schedule"] = Case(event, None, f"every minute: {word}")
    return found
