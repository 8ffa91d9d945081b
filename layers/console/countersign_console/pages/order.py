"""S3 Order: why it is in its state, what happens next, and what the person may do about it."""

import base64
from collections.abc import Iterable
from typing import Any

from countersign.errors import MalformedError
from countersign_console import formats
from countersign_console.answer import Answer
from countersign_console.api import Call, get, order_path, post
from countersign_console.outside import Reply
from countersign_console.view import View, order_url

DECISIONS = ("accept", "refund", "dismiss")
MOST_NOTE = 500
LINE = 16  # bytes in a line of evidence that is no text
Json = dict[str, Any]


def key_of(view: View) -> dict[str, str]:
    """Return the order that a page or a form is about."""
    source = view.form if view.request.method == "POST" else view.query
    platform, _, account = source.get("account", "").partition("/")
    return {"platform": platform, "account": account, "order_id": source.get("id", "")}


def order(view: View) -> Answer:
    """Show one order: two calls, whatever hangs on it."""
    key = key_of(view)
    found, why = view.api.at_once(get(order_path(key)), get(order_path(key, "explanation")))
    shown, explained = view.good(found), view.good(why)
    steps = {one["event_id"]: one for one in explained["steps"]}
    events = sorted(
        ({**one, "trusted": steps.get(one["event_id"], {}).get("trust", one["trust"])} for one in shown["events"]),
        key=lambda one: (one["version"] or 0, one["received_at"] or "", one["decision"] != "applied"),
        reverse=True,
    )
    return view.page(
        "order.html",
        o=shown,
        why=explained,
        named=view.naming(shown),
        story=story(events),
        asked={one["review_id"]: _asked_about(one, shown["events"]) for one in shown["review"]},
        refundable=_left(shown),
        done_code=view.query.get("done", ""),
        platform_name=_platform_name(view, key),
        # A link leads to the page of an app, so an account without one has none; the API has the last word.
        linkable=any(one["account"] == view.account and "app" in one for one in view.accounts),
    )


def story(events: Iterable[Json]) -> list[Json]:
    """Return events with what only repeats folded into one; whatever changed something stands by itself."""
    told: list[Json] = []
    for one in events:
        before = told[-1] if told else None
        repeats = one["decision"] != "applied" and before is not None and before["decision"] == one["decision"]
        if repeats and before is not None and (before["kind"], before["reason"]) == (one["kind"], one["reason"]):
            before["more"] += 1
        else:
            told.append({**one, "more": 0})
    return told


def _platform_name(view: View, key: dict[str, str]) -> str:
    named = {one["platform"]: one["platform_name"] for one in view.accounts}
    return named.get(key["platform"], key["platform"])


def _asked_about(question: Json, events: list[Json]) -> list[str]:
    """Return what was said that raised a question."""
    evidence = set(question.get("evidence") or ())
    return [one["reason"] for one in events if one["event_id"] in evidence and one["reason"]]


def _left(shown: Json) -> Json | None:
    """Return what of an order is not asked back yet; the desk has the last word."""
    if not shown["paid"]:
        return None
    open_ = sum(
        one["amount"]["minor"]
        for one in shown["refunds"]
        if one["status"] in ("requested", "approved", "processing", "needs_action")
    )
    minor = max(0, shown["paid"]["minor"] - shown["refunded"]["minor"] - open_)
    return {"minor": minor, "currency": shown["paid"]["currency"]}


def timeline(view: View) -> Answer:
    """Show everything of an order's story: notes, notices, looks at evidence and links beside the events."""
    key = key_of(view)
    reply = view.api.call(get(order_path(key, "timeline"), limit="100", cursor=view.query.get("cursor", "")))
    found = view.good(reply)
    part = view.request.headers.get("hx-request") == "true"
    rows = found["timeline"]
    return view.page(
        "timeline.html",
        key=key,
        rows=rows,
        named=view.naming(found),
        cursor=view.further(found, rows, "100"),
        part=part,
    )


def _done(view: View, reply: Reply, done: str) -> Answer:
    """Show the order again, or why nothing was done."""
    key = key_of(view)
    if reply.is_good:
        return view.order(key, done=done)
    return view.again(reply.status, view.problem(reply), back=order_url(key))


def ask_for_refund(view: View) -> Answer:
    """Ask for a refund of what was typed, or of all that is left."""
    key, body = key_of(view), dict[str, Any]()
    if reason := view.form.get("reason", "").strip()[:80]:
        body["reason"] = reason
    if amount := view.form.get("amount", "").strip():
        try:
            body["amount"] = formats.typed(amount, view.form.get("currency", ""))
        except MalformedError:
            return view.again(422, view.text("base.problem.amount"), back=order_url(key))
    reply = view.api.call(post(order_path(key, "refunds"), body, once=view.form.get("once", "")))
    return _done(view, reply, "refund_asked")


def refresh(view: View) -> Answer:
    """Have the platform asked now."""
    return _done(view, view.api.call(post(order_path(key_of(view), "refresh"))), "asked")


def close(view: View) -> Answer:
    """Have the order closed."""
    reply = view.api.call(post(order_path(key_of(view), "close")))
    return _done(view, reply, "not_closable" if reply.json.get("close") == "not_possible" else "close_asked")


def note(view: View) -> Answer:
    """Put a note beside the order, for good."""
    body = {"note": view.form.get("note", "").strip()[:MOST_NOTE]}
    call = post(order_path(key_of(view), "notes"), body, once=view.form.get("once", ""))
    return _done(view, view.api.call(call), "noted")


def answer(view: View) -> Answer:
    """Answer an open question about what was paid."""
    decision = view.form.get("decision", "")
    body = {
        "decision": decision if decision in DECISIONS else "",
        "note": view.form.get("note", "").strip()[:MOST_NOTE],
    }
    path = order_path(key_of(view), "review", view.form.get("review_id", ""), "resolve")
    reply = view.api.call(post(path, body))
    return _done(view, reply, "answered_first" if reply.status == 202 else "answered")


def notice_again(view: View) -> Answer:
    """Have a notice sent once more."""
    seen = "not printed" if view.form.get("seen") else ""
    path = order_path(key_of(view), "notices", view.form.get("notice_id", ""), "again")
    return _done(view, view.api.call(post(path, {"seen": seen})), "notice_again")


def evidence(view: View) -> Answer:
    """Show the bytes of an event; the API records the look before it answers, so this is no GET."""
    key, event_id = key_of(view), view.form.get("event_id", "")
    reply = view.api.call(post(order_path(key, "events", event_id, "evidence")))
    if not reply.is_good:
        return view.again(reply.status, view.problem(reply), back=order_url(key))
    found = reply.json
    lines = [] if found["text"] is not None else list(hex_lines(base64.b64decode(found["base64"])))
    return view.page("evidence.html", key=key, found=found, lines=lines)


def hex_lines(raw: bytes, most: int = 4096) -> Iterable[str]:
    """Return bytes as people compare them."""
    for start in range(0, min(len(raw), most), LINE):
        some = raw[start : start + LINE]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in some)
        yield f"{start:06x}  {some.hex(' '):{3 * LINE}} {letters}"


def make_link(view: View) -> Answer:
    """Make a link by which somebody pays the order; it is shown once, for whoever sends it."""
    key = key_of(view)
    reply = view.api.call(post(order_path(key, "payment-link")))
    if not reply.is_good:
        return view.again(reply.status, view.problem(reply), back=order_url(key))
    return view.page("link.html", key=key, link=reply.json)


def end_link(view: View) -> Answer:
    """End the order's link."""
    return _done(view, view.api.call(Call("DELETE", order_path(key_of(view), "payment-link"))), "link_ended")


ROUTES = {
    ("GET", "/order"): order,
    ("GET", "/order/timeline"): timeline,
    ("POST", "/order/refund"): ask_for_refund,
    ("POST", "/order/refresh"): refresh,
    ("POST", "/order/close"): close,
    ("POST", "/order/note"): note,
    ("POST", "/order/answer"): answer,
    ("POST", "/order/notice"): notice_again,
    ("POST", "/order/evidence"): evidence,
    ("POST", "/order/link"): make_link,
    ("POST", "/order/link/end"): end_link,
}
