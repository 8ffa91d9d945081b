"""The pages that a buyer sees between a shop's checkout and the cashier; pure, without a script."""

import html
from collections.abc import Mapping
from typing import NamedTuple

from countersign.http import HttpReply
from countersign.orders.sessions import Session

PAYABLE, WAIT, PAID, OVER, ELSEWHERE, LATER, AGAIN = "payable", "wait", "paid", "over", "elsewhere", "later", "again"
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Payment",
        "back": "Back to the shop",
        "retry": "Pay again",
        PAYABLE: "You are taken to the payment page.",
        WAIT: "We are waiting for the confirmation of your payment. This page goes on by itself.",
        PAID: "Your payment has arrived.",
        OVER: "This payment is over. Please go back to the shop and choose how to pay.",
        ELSEWHERE: "You opened this payment in another window. Please go on there.",
        LATER: "The payment page cannot be reached just now. This page tries again by itself.",
        AGAIN: "Nothing was paid. You can try again, or go back to the shop.",
        "unknown": "This page does not exist any more.",
    },
    "zh": {
        "title": "付款",
        "back": "返回商店",
        "retry": "重新付款",
        PAYABLE: "将前往付款页面。",
        WAIT: "正在等待付款确认，本页会自动继续。",
        PAID: "付款已收到。",
        OVER: "此付款已结束，请返回商店重新选择付款方式。",
        ELSEWHERE: "您已在另一个窗口打开此付款，请在那里继续。",
        LATER: "暂时无法打开付款页面，本页会自动重试。",
        AGAIN: "没有付款。您可以重试，或返回商店。",
        "unknown": "此页面已不存在。",
    },
}
REFRESH_SECONDS = {WAIT: 2, LATER: 5}
STYLE = """body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#f4f5f4}
main{max-width:26rem;margin:0 auto;padding:3rem 1rem;text-align:center}h1{font-size:1.25rem}
a{display:inline-block;margin:.5rem;color:#04532a}:focus-visible{outline:3px solid #1d4ed8;outline-offset:2px}"""


def language(wanted: str, accepted: str) -> str:
    """Return the language of a page: the checkout's, else the browser's."""
    said = wanted or accepted
    return "zh" if said.lower().startswith("zh") else "en"


def render(state: str, *, lang: str, nonce: str, shop: str = "", back: str = "", retry: str = "") -> HttpReply:
    """Return the page of a state; `back` leads to the checkout, `retry` to the payment."""
    words = WORDS[lang]
    links = "".join(
        f'<a href="{html.escape(address)}">{words[name]}</a>'
        for name, address in (("retry", retry), ("back", back))
        if address
    )
    seconds = REFRESH_SECONDS.get(state)
    refresh = f'<meta http-equiv="refresh" content="{seconds}">' if seconds else ""
    content = (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{words["title"]}</title><style nonce="{nonce}">{STYLE}</style></head><body><main>'
        f'<h1>{html.escape(shop)}</h1><p role="status">{words[state]}</p>{links}</main></body></html>'
    )
    status = 404 if state == "unknown" else 200
    return HttpReply(status, content, "text/html; charset=utf-8", _headers(nonce))


class Step(NamedTuple):
    """What the browser gets: an `address` to go to, or the page of a `state` with its links."""

    state: str
    address: str = ""
    back: str = ""
    retry: str = ""


def of(step: Step, session: Session, *, shop: str, nonce: str) -> HttpReply:
    """Send the browser on where a step says so, else return its page, in the checkout's language."""
    if step.address:
        return redirect(step.address)
    lang = language(session.locale, "")
    return render(step.state, lang=lang, nonce=nonce, shop=shop, back=step.back, retry=step.retry)


def redirect(address: str) -> HttpReply:
    """Send the browser on."""
    return HttpReply(303, headers={**_headers(""), "location": address})


def _headers(nonce: str) -> dict[str, str]:
    style = f"style-src 'nonce-{nonce}'; " if nonce else ""
    return {
        "cache-control": "no-store",
        "content-security-policy": f"default-src 'none'; {style}base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",  # the address is the right to pay
        "x-content-type-options": "nosniff",
    }
