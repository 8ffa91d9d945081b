"""The page with the QR code: its HTML, its policy, and its words in Chinese and English; pure.

It asks for nothing but its own status, works without a script (a reload tells), and nothing in it is loaded from
elsewhere.
"""

import html
import json
from collections.abc import Mapping

import segno

from countersign.money import Money
from countersign.orders.times import timestamp

# The states of a payment as the page shows them, by an order's status.
PAID, WAITING, OVER, LOOKED_AT = "paid", "waiting", "over", "looked_at"
_STATE = {
    "paid": PAID,
    "partially_refunded": PAID,
    "refunded": PAID,
    "closed": OVER,
    "failed": WAITING,
    "created": WAITING,
    "pending": WAITING,
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Pay with WeChat",
        "scan": "Scan this code with WeChat, on another phone if you are on one.",
        "code": "QR code for WeChat Pay",
        "left": "Time left",
        PAID: "Paid. Thank you. You are being taken back to the shop.",
        WAITING: "Waiting for your payment.",
        OVER: "The time is over. Nothing was charged; go back to the shop and try again.",
        LOOKED_AT: "Your payment is being looked at. The shop will tell you.",
        "gone": "This page is not valid any more. Please go back to the shop.",
        "back": "Back to the shop",
        "reload": "Reload this page to see whether your payment has arrived.",
    },
    "zh": {
        "title": "微信支付",
        "scan": "请使用微信扫一扫支付；如果正在使用手机，请用另一部手机扫码。",
        "code": "微信支付二维码",
        "left": "剩余时间",
        PAID: "支付成功，正在返回商店。",
        WAITING: "等待支付。",
        OVER: "支付已超时，未产生扣款。请返回商店重新下单支付。",
        LOOKED_AT: "您的付款正在核实，商店会与您联系。",
        "gone": "此页面已失效，请返回商店。",
        "back": "返回商店",
        "reload": "刷新本页可查看支付结果。",
    },
}
STYLE = """*{box-sizing:border-box}body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#f4f5f4}
main{max-width:26rem;margin:0 auto;padding:1.5rem 1rem;text-align:center}h1{font-size:1.25rem;margin:0 0 .5rem}
.amount{font-size:2rem;font-weight:700;margin:.25rem 0}[role=status]{font-weight:600;margin:1rem 0}
.code{background:#fff;padding:.5rem;border-radius:.5rem;margin:1rem auto}
.code svg{display:block;width:100%;height:auto;max-width:20rem;margin:0 auto}
a{display:inline-block;padding:.75rem 1.25rem;color:#04532a;border:1px solid #04532a;border-radius:.5rem}
a:focus-visible{outline:3px solid #04532a;outline-offset:2px}[hidden]{display:none}"""
SCRIPT = """(()=>{"use strict";const d=JSON.parse(document.getElementById("data").textContent);
const by=i=>document.getElementById(i),left=by("left"),say=by("status"),code=by("code");
let state=d.state,asked=0;const started=Date.now();
const pad=n=>String(n).padStart(2,"0");
function tick(){const s=Math.max(0,Math.round(d.left-(Date.now()-started)/1000));
left.textContent=pad(Math.floor(s/60))+":"+pad(s%60);return s}
function show(next){if(next===state)return;state=next;say.textContent=d.words[next];
const open=next==="waiting";code.hidden=!open;by("timer").hidden=!open;
if(next==="paid"){setTimeout(()=>location.assign(d.back),1500)}}
async function ask(){asked+=1;try{const r=await fetch(d.ask,{cache:"no-store",credentials:"omit"});
if(r.ok)show((await r.json()).state)}catch(e){}
if(state==="waiting"||state==="looked_at"){const late=Date.now()-started>d.left*1000+60000;
if(!late)setTimeout(ask,asked<30?2000:5000)}}
by("reload").hidden=true;if(state==="waiting"){tick();by("timer").hidden=false;
const t=setInterval(()=>{if(tick()===0)clearInterval(t)},1000);setTimeout(ask,2000)}
else if(state==="paid"){setTimeout(()=>location.assign(d.back),1500)}})();"""


def state_of(status: str) -> str:
    """Return what the page shows for an order's status."""
    return _STATE.get(status, LOOKED_AT)


def language(wanted: str, accepted: str) -> str:
    """Return zh or en: what the shop asked for, else the first of the two that the browser prefers."""
    for tag in (wanted, *(one.partition(";")[0].strip() for one in accepted.split(","))):
        if (found := tag.lower().partition("-")[0]) in WORDS:
            return found
    return "en"


def policy(nonce: str) -> str:
    """Return the content security policy: what carries the nonce, and asking for the page's own status."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def render(
    *,
    state: str,
    content: str,
    amount: Money,
    description: str,
    shop_name: str,
    back: str,
    return_url: str,
    expires_at: int,
    lang: str,
    nonce: str,
    status_path: str,
    now: int,
) -> str:
    """Return the page; `content` is what the code says; times are epoch seconds.

    `back` is where a shopper goes who does not pay, `return_url` where one who paid is taken.
    """
    words = WORDS[lang]
    waiting = state == WAITING
    data = {
        "state": state,
        "ask": status_path,
        "left": max(0, expires_at - now),
        "back": return_url,
        "words": {name: words[name] for name in (PAID, WAITING, OVER, LOOKED_AT)},
    }
    # Inside a script element only "<" could end it; as an escape of JSON it cannot.
    data_json = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    code = _svg(content, words["code"]) if waiting else ""
    hidden = "" if waiting else " hidden"
    shop = f'<p class="shop">{html.escape(shop_name)}</p>' if shop_name else ""
    link = f'<p><a href="{html.escape(return_url if state == PAID else back)}">{words["back"]}</a></p>'
    return (
        f"{_head(lang, nonce)}<h1>{words['title']}</h1>{shop}<p>{html.escape(description)}</p>"
        f'<p class="amount">{html.escape(_shown(amount))}</p>'
        f'<div id="code"{hidden}><div class="code">{code}</div><p>{words["scan"]}</p></div>'
        f'<p id="timer" hidden>{words["left"]} <time id="left" datetime="{timestamp(expires_at)}" '
        'role="timer" aria-live="off"></time></p>'
        f'<p id="status" role="status" aria-live="polite">{words[state]}</p>'
        f'<p id="reload"{hidden}>{words["reload"]}</p>{link}</main>'
        f'<script id="data" type="application/json" nonce="{nonce}">{data_json}</script>'
        f'<script nonce="{nonce}">{SCRIPT}</script></body></html>'
    )


def render_gone(lang: str, nonce: str) -> str:
    """Return the page of an address that was never made, or is over: both look alike."""
    return f"{_head(lang, nonce)}<h1>{WORDS[lang]['title']}</h1><p>{WORDS[lang]['gone']}</p></main></body></html>"


def _head(lang: str, nonce: str) -> str:
    return (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{WORDS[lang]["title"]}</title><style nonce="{nonce}">{STYLE}</style></head><body><main>'
    )


def _shown(amount: Money) -> str:
    text, _, currency = str(amount).partition(" ")
    return f"¥{text}" if currency == "CNY" else f"{text} {currency}"


def _svg(content: str, label: str) -> str:
    """Return a QR code as SVG: dark on light with its quiet zone, whatever the reader's colours are."""
    code = segno.make_qr(content, error="m")
    drawn = code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1)
