"""The page as HTML: what is shown is given, and nothing is asked for here. Texts of others are escaped."""

from __future__ import annotations

import datetime
import html
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import segno

from sandbox.desk.counters import GOODS, Counter, Recharge
from sandbox.desk.words import LANGUAGES, say, status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.desk.hands import Bought, Call

Json = dict[str, Any]
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
SYMBOLS = {"CNY": "¥", "USD": "$"}
PEOPLE = ("ann", "bob", "sue")
MOST_ROWS = 12
BAD, GOOD, WAITS = ("review", "failed"), ("paid",), ("pending",)


@dataclass
class Click:
    """What the last click did."""

    said: list[tuple[str, Json]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)


@dataclass
class View:
    """Everything that one page shows."""

    language: str
    counters: dict[str, Counter]
    counter: Counter | None
    bought: Bought | None
    orders: list[Bought]
    click: Click | None
    now: float
    order: Json
    explanation: Json
    arrived: list[Json]
    differences: list[Json]
    console: str = ""

    def word(self, code: str, **arguments: Any) -> str:
        """Word something, escaped."""
        return _safe(say(self.language, code, **arguments))

    def link(self, **changes: str) -> str:
        """Return the page's address with changes."""
        kept = {"lang": self.language, "at": self.counter.id if self.counter else ""}
        kept |= {"order": self.bought.key if self.bought else ""}
        return _safe("/?" + urlencode({name: value for name, value in {**kept, **changes}.items() if value}))


def document(view: View) -> str:
    """Write the whole page."""
    other = next(one for one in LANGUAGES if one != view.language)
    title = view.word("title")
    return (
        f'<!doctype html><html lang="{"zh-CN" if view.language == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/desk/desk.css">'
        '<script src="/desk/desk.js" defer></script></head><body>'
        f"<header><h1>{title}</h1><p>{view.word('lead')}</p>"
        f'<p><a href="{view.link(lang=other)}" lang="{"zh-CN" if other == "zh" else "en"}" hreflang="{other}">'
        f"{view.word('other_language')}</a></p></header>"
        f"<main>{_main(view)}</main>"
        f'<p id="busy" role="status" data-working="{view.word("working")}" data-failed="{view.word("failed")}" '
        f'data-copied="{view.word("copied")}"></p></body></html>'
    )


def _main(view: View) -> str:
    columns = f'<div class="columns">{_shop(view)}{_knows(view)}{_arrived(view)}</div>'
    return f"{_said(view)}{columns}{_trouble(view)}{_where(view)}{_console(view)}"


def _where(view: View) -> str:
    links = [
        f'<a href="{view.link(at=one.id, order="")}"{_current(one is view.counter)}>{_safe(one.label)}</a>'
        for one in view.counters.values()
    ]
    head = f'<section id="where" aria-labelledby="where-h"><h2 id="where-h">{view.word("where")}</h2>'
    return f'{head}<nav aria-labelledby="where-h" class="where">{"".join(links)}</nav></section>'


def _current(is_current: bool) -> str:
    return ' aria-current="page"' if is_current else ""


def _form(view: View, buttons: str) -> str:
    kept = {"lang": view.language, "at": view.counter.id if view.counter else ""}
    kept |= {"order": view.bought.key if view.bought else ""}
    fields = "".join(f'<input type="hidden" name="{name}" value="{_safe(value)}">' for name, value in kept.items())
    return f'<form method="post" action="/desk/do">{fields}{buttons}</form>'


def _button(do: str, label: str, kind: str = "") -> str:
    return f'<button name="do" value="{_safe(do)}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{label}</button>'


def _shop(view: View) -> str:
    counter = view.counter
    if counter is None:
        return ""
    verb = "" if isinstance(counter, Recharge) else f"{view.word('buy')} "
    buttons = "".join(
        _button(f"buy.{good.id}", f"{verb}{_safe(good.title)} {money(good.minor, counter.currency)}", "good")
        for good in GOODS
    )
    at = f'<p class="quiet">{_safe(counter.label)}</p>'
    lead = f"<p>{view.word('buy_charge')}</p>" if isinstance(counter, Recharge) else ""
    content = f'<section id="shop" aria-labelledby="shop-h"><h2 id="shop-h">{view.word("shop")}</h2>{at}{lead}'
    content += _form(view, f'<div class="buttons">{buttons}</div>')
    if view.bought is None:
        content += f"<p>{view.word('no_order')}</p>"
    else:
        content += f"<p><strong>{_safe(view.bought.order_id)}</strong> {_safe(view.bought.good)}</p>"
        content += _code(view, view.bought) + _form(view, _button("pay", view.word(counter.pays), "pay"))
    return content + _orders(view) + "</section>"


def _code(view: View, bought: Bought) -> str:
    """Show what the payer scans, or the link to a cashier's page."""
    if not bought.code:
        return ""
    if bought.code.startswith("http"):
        return f'<p><a href="{_safe(bought.code)}" rel="noreferrer">{view.word("cashier_page")}</a></p>'
    svg = segno.make_qr(bought.code, error="m").svg_inline(
        scale=4, border=2, light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    label = view.word("scan")
    return f'<figure role="img" aria-label="{label}">{svg}<figcaption>{label}</figcaption></figure>'


def _orders(view: View) -> str:
    if not view.orders:
        return ""
    links = "".join(
        f'<li><a href="{view.link(at=one.counter, order=one.key)}"{_current(one is view.bought)}>'
        f"{_safe(one.order_id)}</a> {_safe(one.good)} · {_safe(one.counter)}</li>"
        for one in view.orders[:MOST_ROWS]
    )
    return (
        f'<details id="orders"><summary>{view.word("orders")} ({len(view.orders)})</summary><ul>{links}</ul></details>'
    )


def _knows(view: View) -> str:
    head = f'<section id="knows" data-live aria-labelledby="knows-h"><h2 id="knows-h">{view.word("knows")}</h2>'
    clock = f'<p class="clock">{view.word("clock")}: <time>{moment(view.now)[:-3]}</time></p>'
    if view.bought is None:
        return f"{head}{clock}<p>{view.word('nothing_yet')}</p></section>"
    word = str(view.order.get("status", ""))
    if not word:
        return f"{head}{clock}<p>{view.word('unknown')}</p></section>"
    kind = "bad" if word in BAD else "good" if word in GOOD else "waits" if word in WAITS else "other"
    paid = view.order.get("paid") or view.order.get("amount") or {}
    shown = money(int(paid.get("minor", 0)), str(paid.get("currency", "")))
    top = (
        f'<p class="state {kind}"><strong>{_safe(view.bought.order_id)}</strong> '
        f'<span id="status" data-status="{_safe(word)}">● {_safe(status(view.language, word))}</span> {shown}</p>'
        f'<p id="summary">{_safe(str(view.explanation.get("summary", "")))}</p>'
    )
    return f"{head}{clock}{top}{_next(view)}{_refunds(view)}{_bill(view)}{_timeline(view)}</section>"


def _next(view: View) -> str:
    rows = []
    for one in view.explanation.get("next") or ():
        at = f" ({stamp(str(one['at']))})" if one.get("at") else ""
        rows.append(f"<li>{_safe(str(one.get('text', '')))}{at}</li>")
    content = f"<ul>{''.join(rows)}</ul>" if rows else f"<p>{view.word('next_none')}</p>"
    return f"<h3>{view.word('next')}</h3>{content}"


def _refunds(view: View) -> str:
    rows = [
        f"<li>{money((one.get('amount') or {}).get('minor', 0), (one.get('amount') or {}).get('currency', ''))} "
        f"<strong>{_safe(str(one.get('status', '')).replace('_', ' '))}</strong> {_safe(str(one.get('problem') or ''))}"
        "</li>"
        for one in view.order.get("refunds") or ()
    ]
    return f"<h3>{view.word('refunds')}</h3><ul>{''.join(rows)}</ul>" if rows else ""


def _bill(view: View) -> str:
    rows = [
        f"<li>{view.word('bill_says')} <strong>{_safe(str(one.get('bill')))}</strong>; {view.word('ours')} "
        f"<strong>{_safe(str(one.get('ours')))}</strong> ({_safe(str(one.get('what', '')).replace('_', ' '))})</li>"
        for one in view.differences
    ]
    return f'<h3>{view.word("bill")}</h3><ul id="differences">{"".join(rows)}</ul>' if rows else ""


def _timeline(view: View) -> str:
    rows = []
    for step in reversed(view.explanation.get("steps") or []):
        key = f" · {view.word('key')} …{_safe(str(step['key_id'])[-6:])}" if step.get("key_id") else ""
        rows.append(
            f"<li><time>{stamp(str(step['at']))}</time> <strong>{_safe(str(step.get('why', '')))}</strong>"
            f'<br><span class="quiet">{_safe(str(step.get("trust", "")))}{key}</span></li>'
        )
    return f'<h3>{view.word("timeline")}</h3><ol class="timeline">{"".join(rows)}</ol>'


def _arrived(view: View) -> str:
    shown = [text for entry in reversed(view.arrived) if (text := _entry(view, entry))]
    content = "".join(shown[:MOST_ROWS]) or f"<p>{view.word('arrived_none')}</p>"
    return (
        f'<section id="arrived" data-live aria-labelledby="arrived-h"><h2 id="arrived-h">{view.word("arrived")}</h2>'
        f"{content}</section>"
    )


def _entry(view: View, entry: Json) -> str:
    at = f"<time>{moment(float(entry['at']))[11:]}</time>"
    match entry["kind"]:
        case "receipt":
            head, body = f"{view.word('receipt')} {_safe(str(entry.get('printer')))}", str(entry.get("text", ""))
            return f'<article class="receipt"><h3>{at} {head}</h3><pre>{_safe(body)}</pre></article>'
        case "message":
            data = " · ".join(str(value) for value in (entry.get("data") or {}).values())
            return _line(at, view.word("message"), data)
        case "email":
            return _line(at, view.word("email"), str(entry.get("subject", "")))
        case "webhook":
            kind = (entry.get("body") or {}).get("type", "") if isinstance(entry.get("body"), dict) else ""
            return _line(at, view.word("webhook"), f"{kind} → {entry.get('status')}")
        case "bus" if entry.get("source") == "countersign":
            return _line(at, view.word("bus"), str(entry.get("detail-type", "")))
        case "bus":
            return ""
        case platform:
            told = f"{platform}: {entry.get('method')} {entry.get('path')} → {entry.get('status')}"
            return _line(at, view.word("asked"), told)


def _line(at: str, head: str, text: str) -> str:
    return f'<p class="entry">{at} <strong>{head}</strong> {_safe(text)}</p>'


def _said(view: View) -> str:
    head = f'<section id="said-box" aria-labelledby="said"><h2 id="said" tabindex="-1">{view.word("said")}</h2>'
    if view.click is None:
        return ""
    told = "".join(f"<p>{view.word(code, **arguments)}</p>" for code, arguments in view.click.said)
    curl = "\n".join(call.curl() for call in view.click.calls)
    return (
        f'{head}<div id="told">{told}</div><details id="curl-box"><summary>{view.word("curl")}</summary>'
        f"<p>{view.word('curl_lead')}</p>"
        f'<pre id="curl" tabindex="0" aria-label="{view.word("curl")}">{_safe(curl)}</pre>'
        f'<button type="button" class="script" data-copy="curl">{view.word("copy")}</button></details></section>'
    )


def _trouble(view: View) -> str:
    if view.counter is None:
        return ""
    buttons = "".join(_button(f"trouble.{one.id}", view.word(one.id)) for one in view.counter.troubles)
    clock = _button("time.600", view.word("minutes")) + _button("time.86400", view.word("day"))
    return (
        f'<section id="trouble" aria-labelledby="trouble-h"><h2 id="trouble-h">{view.word("trouble")}</h2>'
        f"<p>{view.word('trouble_lead')}</p>"
        + _form(
            view, f'<div class="buttons">{buttons}</div><h3>{view.word("time")}</h3><div class="buttons">{clock}</div>'
        )
        + "</section>"
    )


def _console(view: View) -> str:
    if not view.console:
        return f"<p>{view.word('console_none')}</p>"
    buttons = "".join(_button(f"as.{one}", view.word(one)) for one in PEOPLE)
    head = f'<section class="console" aria-labelledby="console-h"><h2 id="console-h">{view.word("console")}</h2>'
    form = (
        f'<form method="post" action="/desk/do" target="_blank" data-leaves><div class="buttons">{buttons}</div></form>'
    )
    return f"{head}{form}</section>"


def money(minor: int, currency: str) -> str:
    """Write an amount; nobody here sells in a currency of other decimals."""
    return f"{SYMBOLS.get(currency, '')}{minor / 100:,.2f}"


def moment(at: float) -> str:
    """Write a time of the sandbox as Beijing has it."""
    return f"{datetime.datetime.fromtimestamp(at, BEIJING):%Y-%m-%d %H:%M:%S}"


def stamp(text: str) -> str:
    """Write a time of the API as Beijing has it."""
    return moment(datetime.datetime.fromisoformat(text).timestamp())[5:]


def about(entries: Iterable[Json], bought: Bought) -> list[Json]:
    """Pick what arrived about an order."""
    names = {bought.order_id, bought.reference}
    return [entry for entry in entries if any(f'"{name}"' in json.dumps(entry) or _told(entry, name) for name in names)]


def _told(entry: Json, name: str) -> bool:
    text = str(entry.get("text", "")) + str(entry.get("subject", "")) + str(entry.get("path", ""))
    return len(name) > 3 and name in text


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
