"""What the merchant, the clock and the table send to functions."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sandbox.events import shapes
from sandbox.events.shared import Case, Event
from sandbox.events.wechat.maker import OPENID, Maker, number, transaction_id

CREATE = "POST /wechat/{account}/payments"
ORDER = "/orders/{platform}/{account}/{order_id}"
PEOPLE = "payments:write orders:read refunds:approve"


def cases(maker: Maker) -> dict[str, Case]:
    """Return the cases of everything but notices."""
    return {**_create(maker), **_poll(maker), **_orders_api(maker), **_streams(maker), **_operator(maker)}


# What an operator invokes by hand


def _operator(maker: Maker) -> dict[str, Case]:
    today, mchid = shapes.day(maker.now), maker.documents["shop"]["mchid"]
    order, paid = number("paid-v3"), transaction_id("paid-v3")
    event_id = shapes.event_id("paid", mchid, "wechat", "shop", order, paid, 8800, "CNY", maker.now - 20)
    replay = {"replay": {"account": "shop", "order_id": order, "event_id": event_id}}
    return {
        "wechat_redrive.day": Case({"day": today}, None, "what one day's quarantine holds is taken in again"),
        "wechat_redrive.dry-run": Case(
            {"from": "2026-11-01", "to": today, "account": "shop", "dry_run": True}, None, "what would become of it"
        ),
        "wechat_redrive.replay": Case(
            replay, None, "a stored event is decided again", maker.order("paid-v3"), "paid", ("wechat_notify.paid-v3",)
        ),
    }


# The merchant's calls


def _create_event(
    maker: Maker, body: dict[str, Any] | str, case: str, account: str = "shop", accounts: str = "*"
) -> Event:
    return shapes.http(
        CREATE,
        maker.now,
        parameters={"account": account},
        headers={"Content-Type": "application/json", "Idempotency-Key": shapes.stable_uuid(case)},
        body=body if isinstance(body, str) else json.dumps(body, ensure_ascii=False),
        claims=shapes.claims(maker.now, "payments:write", accounts=accounts),
    )


def _create(maker: Maker) -> dict[str, Case]:
    def body(case: str, **changes: Any) -> dict[str, Any]:
        wanted = {
            "order_id": number(case),
            "amount": {"minor": 8800, "currency": "CNY"},
            "description": "测试商品-奶茶",
            "payer": {"openid": OPENID},
            "client_ip": "203.0.113.7",
        } | changes
        return {name: value for name, value in wanted.items() if value is not None}

    def create(case: str, status: int, why: str, content: dict[str, Any] | str, **where: str) -> Case:
        return Case(_create_event(maker, content, case, **where), status, why, needs_platform=status == 201)

    h5 = body("create-h5", method="h5", payer=None, h5={"type": "Wap"})
    native = body("create-native", method="native", payer=None)
    return {
        "wechat_create_payment.jsapi": create("jsapi", 201, "what wx.requestPayment wants", body("create-jsapi")),
        "wechat_create_payment.native": create("native", 201, "a code_url to show as QR code", native),
        "wechat_create_payment.h5": create("h5", 201, "an h5_url to open", h5),
        "wechat_create_payment.v2-jsapi": create(
            "v2", 201, "the same over API v2", body("create-v2"), account="classic"
        ),
        "wechat_create_payment.bad-body": create("bad-body", 400, "not JSON", '{"order_id": "EV'),
        "wechat_create_payment.fraction": create(
            "fraction", 400, "an amount is a whole number of fen",
            body("fraction", amount={"minor": 88.0, "currency": "CNY"}),
        ),
        "wechat_create_payment.no-payer": create(
            "no-payer", 422, "JSAPI needs an openid or a log-in code", body("no-payer", payer=None)
        ),
        "wechat_create_payment.other-account": create(
            "other-account", 404, "the token is for another account", body("other"), accounts="[wechat/classic]"
        ),
    }  # fmt: skip


def _poll(maker: Maker) -> dict[str, Case]:
    message = json.dumps({"platform": "wechat", "account": "shop", "order_id": number("poll")})
    return {
        "wechat_poll.schedule": Case(
            shapes.schedule("WechatPollEveryMinute", maker.now), None, "everything that is due is asked about",
            needs_platform=True,
        ),
        "wechat_poll.sqs": Case(
            shapes.sqs("WechatPollQueue", [message], maker.now), None, "one order's early look",
            maker.order("poll"), needs_platform=True,
        ),
    }  # fmt: skip


def _orders_api(maker: Maker) -> dict[str, Case]:
    paid = ("wechat_notify.paid-v3",)
    known = {"platform": "wechat", "account": "shop", "order_id": number("paid-v3")}
    wrong = known | {"order_id": number("wrong-amount")}
    review = wrong | {"review_id": f"amount_mismatch.{transaction_id('wrong-amount')}"}

    def ask(route: str, status: int, why: str, *, after: tuple[str, ...] = (), **shape: Any) -> Case:
        signed_in = None if shape.pop("anonymous", False) else shapes.claims(maker.now, shape.pop("scopes", PEOPLE))
        order = {} if not after else maker.order(after[0].partition(".")[2])
        becomes = shape.pop("becomes", "")
        return Case(shapes.http(route, maker.now, claims=signed_in, **shape), status, why, order, becomes, after)

    resolve = json.dumps({"decision": "accept", "note": "the shopper rounded up"})
    json_type = {"Content-Type": "application/json"}
    return {
        "orders_api.get": ask(f"GET {ORDER}", 200, "one order", after=paid, parameters=known),
        "orders_api.explanation": ask(
            f"GET {ORDER}/explanation", 200, "why it is paid", after=paid, parameters=known
        ),
        "orders_api.unknown": ask(
            f"GET {ORDER}", 404, "no such order", parameters=known | {"order_id": "EV-NEVER"}
        ),
        "orders_api.list": ask("GET /orders", 200, "an account's orders", after=paid, query="account=wechat/shop"),
        "orders_api.transaction": ask(
            "GET /orders", 200, "the order that a transaction paid", after=paid,
            query=f"account=wechat/shop&transaction_id={transaction_id('paid-v3')}",
        ),
        "orders_api.exceptions": ask(
            "GET /exceptions", 200, "what a person must look at", after=("wechat_notify.wrong-amount",)
        ),
        "decisions_api.resolve": ask(
            f"POST {ORDER}/review/{{review_id}}/resolve", 202, "one person of two accepts the other amount",
            after=("wechat_notify.wrong-amount",), parameters=review, body=resolve, headers=json_type, becomes="review",
        ),
        "orders_api.timeline": ask(
            f"GET {ORDER}/timeline", 200, "all that was said of it, newest first", after=paid, parameters=known,
            query="sort=-at&limit=10",
        ),
        "orders_api.work": ask(
            "GET /orders", 200, "what is to be sent, newest first", after=paid,
            query="account=wechat/shop&work=to_ship&sort=-updated&from=2026-11-01&to=2026-11-30&limit=5",
        ),
        "orders_api.misspelt": ask("GET /orders", 422, "no such status", query="account=wechat/shop&status=paied"),
        "orders_api.changes": ask("GET /changes", 200, "a first cursor", query="account=wechat/shop"),
        "orders_api.activity": ask(
            "GET /activity", 200, "who did what", query="account=wechat/shop&person=anna&from=2026-11-01"
        ),
        "orders_api.search": ask(
            "GET /search", 200, "the order of a transaction", after=paid,
            query=f"account=wechat/shop&q={transaction_id('paid-v3')}",
        ),
        "orders_api.counts": ask("GET /counts", 200, "how much waits", after=paid, query="account=wechat/shop"),
        "decisions_api.payment-link": ask(
            f"POST {ORDER}/payment-link", 409, "no app takes payments by a link here", after=paid, parameters=known,
            body=json.dumps({"expires_in": 3600}), headers=json_type, scopes="payments:link",
        ),
        "decisions_api.payment-link-end": ask(
            f"DELETE {ORDER}/payment-link", 200, "there is none to end", after=paid, parameters=known,
            scopes="payments:link",
        ),
        "decisions_api.note": ask(
            f"POST {ORDER}/notes", 201, "a person's note", after=paid, parameters=known,
            body=json.dumps({"note": "the payer called\nand calls again"}),
            headers=json_type | {"Idempotency-Key": "note-1"},
        ),
        "decisions_api.evidence-unknown": ask(
            f"POST {ORDER}/events/{{event_id}}/evidence", 404, "no such event", after=paid,
            parameters=known | {"event_id": f"paid.notify.{'0' * 64}"}, scopes="evidence:read",
        ),
        "decisions_api.evidence-scope": ask(
            f"POST {ORDER}/events/{{event_id}}/evidence", 403, "not for everybody", after=paid,
            parameters=known | {"event_id": f"paid.notify.{'0' * 64}"}, scopes="orders:read",
        ),
        "decisions_api.export-unknown": ask(
            "POST /exceptions/{exception_id}/export", 404, "no such finding", after=paid,
            parameters={"exception_id": "WyJ3ZWNoYXQjc2hvcCN-YWNjb3VudCIsIkZJTkRJTkcjeCN5Il0"}, scopes="evidence:read",
        ),
        "decisions_api.notice-unknown": ask(
            f"POST {ORDER}/notices/{{notice_id}}/again", 404, "no such notice", after=paid,
            parameters=known | {"notice_id": "0" * 32}, scopes="orders:ship",
            body='{"seen": "not printed"}', headers=json_type,
        ),
        "decisions_api.ship-many": ask(
            "POST /shipments/batch", 200, "one line is recorded, one refused", after=paid, scopes="orders:ship",
            body=json.dumps({"shipments": [
                {**known, "carrier": "YTO", "tracking_no": "YT1000000000001"},
                {**known, "order_id": "EV-NEVER", "carrier": "顺丰", "tracking_no": "SF1"},
            ]}, ensure_ascii=False), headers=json_type | {"Idempotency-Key": "batch-1"},
        ),
        "decisions_api.lookup": ask(
            "POST /lookup", 422, "lookups are off without their keys", headers=json_type,
            body=json.dumps({"account": "wechat/shop", "value": "13800138000"}),
        ),
        "orders_api.counts-known": ask(
            "GET /counts", 304, "the caller has them already", after=paid, query="account=wechat/shop",
            headers={"If-None-Match": "*"},
        ),
        "accounts_api.me": ask("GET /me", 200, "who the token is"),
        "accounts_api.accounts": ask("GET /accounts", 200, "the accounts that are used", after=paid),
        "accounts_api.carriers": ask("GET /carriers", 200, "carriers by their codes", query="platform=wechat&lang=zh"),
        "accounts_api.openapi": ask("GET /openapi.json", 200, "the published contract", anonymous=True),
    }  # fmt: skip


# The outbox


def _event_row(maker: Maker, case: str, *, orphan: bool = False) -> Event:
    """Return an event's item as the orders table holds it."""
    event_id = f"paid.notify.{hashlib.sha256(case.encode()).hexdigest()}"
    fact = {
        "transaction_id": transaction_id(case),
        "total": [8800, "CNY"],
        "paid_at": maker.now - 20,
        "payer_paid": 8800,
    }
    said = [{"kind": "paid", "fact": fact, "tenant": maker.documents["shop"]["mchid"], "system": "v3"}]
    row: Event = {
        "pk": {"S": f"wechat#shop#{number(case)}"},
        "sk": {"S": f"EVENT#{event_id}"},
        "kind": {"S": "paid"},
        "via": {"S": "notify"},
        "trust": {"S": "verified"},
        "key_id": {"S": maker.keys.public.serial},
        "envelope_id": {"S": shapes.stable_uuid(case)},
        "change": {"S": json.dumps(said, ensure_ascii=False, separators=(",", ":"))},
        "received_at": {"N": str(maker.now)},
        "decision": {"S": "orphan" if orphan else "applied"},
    }
    if orphan:
        waiting = {"due_at": {"N": str(maker.now + 60)}, "due_shard": {"S": "wechat_poll#0"}}
        return row | {"reasons": {"S": '[["order_unknown"]]'}, "orphan": {"N": "1"}} | waiting
    published = {"emits": {"L": [{"S": "order.paid"}]}, "due_at": {"N": str(maker.now + 60)}}
    paid = {"reasons": {"S": '[["paid",{"amount":"88.00 CNY"}]]'}, "version": {"N": "3"}}
    return row | published | paid | {"due_shard": {"S": "sweep#0"}}


def _streams(maker: Maker) -> dict[str, Case]:
    insert = (None, _event_row(maker, "stream-insert"))
    attached = (_event_row(maker, "stream-orphan", orphan=True), _event_row(maker, "stream-orphan"))
    broken = (None, _event_row(maker, "stream-broken") | {"pk": {"S": "no order's key"}})
    batch = shapes.stream("Orders", [insert, broken, attached], maker.now)
    return {
        "publish.insert": Case(
            shapes.stream("Orders", [insert], maker.now), None, "a new event goes on the bus", failures=0,
        ),
        "publish.orphan-attached": Case(
            shapes.stream("Orders", [attached], maker.now), None, "an orphan whose order has appeared goes on the bus",
            failures=0,
        ),
        "publish.mixed": Case(
            batch, None, "only the record that cannot be read is given back", failures=1,
        ),
        "sweep.schedule": Case(
            shapes.schedule("SweepEveryMinute", maker.now), None, "what the stream did not publish is published",
        ),
    }  # fmt: skip
