"""The page behind a payment link: shop, number, amount and a button; pure.

Mail scanners open links, so showing it creates nothing. It has no script, and loads nothing.
"""

import html
from collections.abc import Mapping

from countersign.http import HttpReply
from countersign.money import Money
from countersign.orders.state import Order
from countersign.platforms.bigcommerce.page import language

PAYABLE, PAID, OVER, LATER = "payable", "paid", "over", "later"
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Pay your order",
        "number": "Order",
        "pay": "Pay now",
        PAYABLE: "You are taken to the payment page.",
        PAID: "This order is paid. Thank you.",
        OVER: "This order can no longer be paid here. Please ask the shop.",
        LATER: "The payment page cannot be reached. Please try again in a moment.",
        "unknown": "This link is not valid any more. Please ask the shop for a new one.",
    },
    "zh": {
        "title": "支付订单",
        "number": "订单号",
        "pay": "立即付款",
        PAYABLE: "将前往付款页面。",
        PAID: "此订单已付款，谢谢。",
        OVER: "此订单无法再在此付款，请联系商店。",
        LATER: "暂时无法打开付款页面，请稍后重试。",
        "unknown": "此链接已失效，请向商店索取新的链接。",
    },
}
STYLE = """*{box-sizing:border-box}body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#f4f5f4}
main{max-width:26rem;margin:0 auto;padding:1.5rem 1rem;text-align:center}h1{font-size:1.25rem}
.amount{font-size:2rem;font-weight:700;margin:.25rem 0}
button{font:inherit;font-weight:600;padding:.8rem 2rem;color:#fff;background:#04532a;border:0;border-radius:.5rem}
:focus-visible{outline:3px solid #1d4ed8;outline-offset:2px}"""
_STATES = {
    "paid": PAID,
    "partially_refunded": PAID,
    "refunded": PAID,
}


def state_of(order: Order) -> str:
    """Return what the page shows for an order."""
    return PAYABLE if order.waits_for_payer else _STATES.get(order.status, OVER)


def render(state: str, *, shop: str, number: str, due: Money, accepted: str, nonce: str) -> HttpReply:
    """Return the page; `accepted` are the browser's languages."""
    lang = language("", accepted)
    words = WORDS[lang]
    button = f'<form method="post"><button>{words["pay"]}</button></form>' if state in (PAYABLE, LATER) else ""
    amount = f'<p class="amount">{html.escape(str(due))}</p>' if state in (PAYABLE, LATER) else ""
    body = (
        f"<h1>{html.escape(shop)}</h1><p>{words['number']} {html.escape(number)}</p>{amount}{button}"
        f'<p role="status">{words[state]}</p>'
    )
    return _page(200 if state != LATER else 503, body, lang, nonce)


def refused(status: int, *, accepted: str, nonce: str) -> HttpReply:
    """Return the page of a link that does not live: never made, ended and over all look alike."""
    lang = language("", accepted)
    words = WORDS[lang]
    return _page(status, f'<h1>{words["title"]}</h1><p role="status">{words["unknown"]}</p>', lang, nonce)


def redirect(address: str) -> HttpReply:
    """Send the browser to the cashier."""
    return HttpReply(303, headers={**_headers(""), "location": address})


def _page(status: int, body: str, lang: str, nonce: str) -> HttpReply:
    title = WORDS[lang]["title"]
    content = (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{title}</title><style nonce="{nonce}">{STYLE}</style></head><body><main>{body}</main></body></html>'
    )
    return HttpReply(status, content, "text/html; charset=utf-8", _headers(nonce))


def _headers(nonce: str) -> dict[str, str]:
    style = f"style-src 'nonce-{nonce}'; " if nonce else ""
    return {
        "cache-control": "no-store",
        # Browsers hold the address that a form is redirected to against `form-action` as well: the cashier's, which
        # is https, or on this machine (`cashiers.addresses`).
        "content-security-policy": f"default-src 'none'; {style}base-uri 'none'; form-action 'self' https: "
        "http://127.0.0.1:* http://localhost:*; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",  # the address is the right to pay
        "x-content-type-options": "nosniff",
    }
