"""The app's page in the control panel: how the store does, what is set for it, what to do next; pure.

It is shown in a frame, so it has no cookie: a form carries its session. It has no script at all.
"""

import html
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from countersign.errors import CountersignError
from countersign.http import HttpReply
from countersign.orders.times import timestamp
from countersign.platforms.bigcommerce.settings import Rules, Store

LANGUAGES = ("en", "zh")
_ERROR_CODE = re.compile(r"[a-z_]{1,40}", re.ASCII)
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Countersign payments",
        "works": "The app is connected to this store.",
        "lost": (
            "BigCommerce no longer accepts this app. Authorise it again; payments that were started are still taken."
        ),
        "wait": "Paid orders that could not be written to the store: {count}",
        "next": "What to do next",
        "authorise": "Authorise the app again",
        "cashier": (
            "No cashier is set for this store: nobody can pay. Set “cashier” in the app's or the store's document."
        ),
        "methods": (
            "No payment method is named: set “payment_method_names” to the method's name, and to each translation."
        ),
        "offline": (
            "In Settings → Payments, switch on one offline method and give it exactly one of these names: {names}"
        ),
        "checkout": (
            "The store does not use Optimized One-Page Checkout: scripts do not run on its confirmation page."
        ),
        "script": (
            "The script could not be installed. It is tried again every ten minutes; or add the code below by hand."
        ),
        "store": "BigCommerce did not answer when the store was last looked at. It is tried again every ten minutes.",
        "unchecked": "The script is being installed; this takes up to ten minutes. “Check now” does it at once.",
        "nothing": "Nothing. Place a test order to see the button on the confirmation page.",
        "check": "Check now",
        "settings": "Settings of this store",
        "store_hash": "Store",
        "installed_at": "Installed",
        "checked_at": "Last checked",
        "cashier_is": "Cashier",
        "methods_are": "Payment method names",
        "origins": "Storefront origins",
        "channels": "Channels",
        "all": "all",
        "age": "Orders can be paid for (hours)",
        "late": "Paid after the order closed",
        "panel": "Refund made in this control panel",
        "none": "not set",
        "by_hand": "Install the script by hand",
        "hand_text": (
            "For a store that uses an API account of its own: Storefront → Script Manager, footer, order "
            "confirmation page, essential, type Script."
        ),
        "checksum": "Checksum of the script (subresource integrity)",
        "again": "Open the app again from the control panel.",
        "install": "Install the app for this store first.",
        "refused": "This could not be done",
        "reinstall": "Nothing was changed. Please install the app again from the control panel.",
        "installed": "The app is installed. Open it from Apps in the control panel.",
        "scopes": (
            "The app was granted less than it needs. Its profile in the Developer Portal must have these "
            "scopes: {missing}"
        ),
        "not_allowed": "This store may not install the app: add it to “allowed_stores” in the app's document.",
        "refund": "ask the cashier to give it back",
        "ask": "ask a person",
        "keep": "keep it",
        "notify": "tell a person",
        "request": "request it at the cashier",
    },
    "zh": {
        "title": "Countersign 收款",
        "works": "应用已连接到此商店。",
        "lost": "BigCommerce 不再接受此应用，请重新授权；已开始的付款仍会入账。",
        "wait": "已付款但未能写回商店的订单：{count}",
        "next": "下一步",
        "authorise": "重新授权应用",
        "cashier": "此商店未设置收银台，无法付款。请在应用或商店的配置文档中设置 cashier。",
        "methods": "未设置付款方式名称：请把 payment_method_names 设为付款方式的名称及其各语言译名。",
        "offline": "在“设置 → 付款”中启用一种线下付款方式，并准确使用以下名称之一：{names}",
        "checkout": "商店未使用优化的单页结账，确认页上不会运行脚本。",
        "script": "脚本未能安装，每十分钟重试一次；也可手动添加下面的代码。",
        "store": "上次检查时 BigCommerce 没有应答，每十分钟重试一次。",
        "unchecked": "脚本正在安装，最多需要十分钟；点“立即检查”可马上进行。",
        "nothing": "无。下一个测试订单即可在确认页看到付款按钮。",
        "check": "立即检查",
        "settings": "此商店的设置",
        "store_hash": "商店",
        "installed_at": "安装时间",
        "checked_at": "上次检查",
        "cashier_is": "收银台",
        "methods_are": "付款方式名称",
        "origins": "店面网址",
        "channels": "渠道",
        "all": "全部",
        "age": "订单可付款时间（小时）",
        "late": "订单关闭后才付款",
        "panel": "在控制面板中退款时",
        "none": "未设置",
        "by_hand": "手动安装脚本",
        "hand_text": "适用于使用自有 API 账户的商店：店面 → 脚本管理器，页脚，订单确认页，必要，类型“脚本”。",
        "checksum": "脚本校验和（子资源完整性）",
        "again": "请从控制面板重新打开应用。",
        "install": "请先为此商店安装应用。",
        "refused": "未能完成",
        "reinstall": "没有任何更改。请从控制面板重新安装应用。",
        "installed": "应用已安装，请从控制面板的“应用”中打开。",
        "scopes": "应用获得的权限不足。开发者门户中应用需要这些权限：{missing}",
        "not_allowed": "此商店不可安装该应用：请将其加入应用配置文档的 allowed_stores。",
        "refund": "请收银台退回",
        "ask": "由人决定",
        "keep": "保留",
        "notify": "通知人员",
        "request": "向收银台申请退款",
    },
}
STYLE = """*{box-sizing:border-box}body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff}
main{max-width:46rem;margin:0 auto;padding:1.5rem 1rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
.state{padding:.75rem 1rem;border-left:.3rem solid #04532a;background:#eef6f1}
.state.bad{border-color:#9b1c1c;background:#fbeeee}
dl{display:grid;grid-template-columns:minmax(10rem,auto) 1fr;gap:.25rem 1rem}
dt{font-weight:600}dd{margin:0}dd,code{overflow-wrap:anywhere}
button{display:inline-block;font:inherit;padding:.6rem 1.2rem;color:#fff;background:#04532a;border:0;
border-radius:.4rem}
:focus-visible{outline:3px solid #1d4ed8;outline-offset:2px}
pre{background:#f3f4f3;padding:.75rem;white-space:pre-wrap;overflow-wrap:anywhere}"""


class View(NamedTuple):
    """What the page shows of a store; times are epoch seconds, 0 where nothing happened."""

    store: Store
    rules: Rules
    client_id: str
    installed_at: int
    checked_at: int
    finding: str
    lost: bool
    waiting: tuple[str, ...]
    waiting_count: int
    snippet: str
    checksum: str
    session: str


def language(locale: str, accepted: str) -> str:
    """Return en or zh: the user's own, else the first of the two that the browser prefers."""
    for tag in (locale, *(one.partition(";")[0].strip() for one in accepted.split(","))):
        if (found := tag.lower().replace("_", "-").partition("-")[0]) in LANGUAGES:
            return found
    return LANGUAGES[0]


def reply(status: int, content: str, *, nonce: str, store_hash: str = "") -> HttpReply:
    """Return a page that only BigCommerce's control panel may show in a frame, and that loads and runs nothing."""
    # https://developer.bigcommerce.com/docs/integrations/apps/guide/callbacks: the panel's address is the store's own.
    own = f"https://store-{store_hash}.mybigcommerce.com " if store_hash else ""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {own}https://*.mybigcommerce.com https://login.bigcommerce.com"
    )
    headers = {
        "cache-control": "no-store",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",  # the address of the first page holds what BigCommerce signed
        "x-content-type-options": "nosniff",
    }
    return HttpReply(status, content, "text/html; charset=utf-8", headers)


def render(view: View, lang: str, *, nonce: str) -> str:
    """Return the page of a store."""
    words = WORDS[lang]
    state = words["lost"] if view.lost else words["works"]
    steps = "".join(f"<li>{step}</li>" for step in _steps(view, words)) or f"<li>{words['nothing']}</li>"
    waiting = ""
    if view.waiting_count:
        numbers = ", ".join(map(html.escape, view.waiting)) + ("…" if view.waiting_count > len(view.waiting) else "")
        waiting = f"<p>{words['wait'].format(count=view.waiting_count)}</p><p>{numbers}</p>"
    facts = "".join(f"<dt>{words[name]}</dt><dd>{html.escape(value)}</dd>" for name, value in _facts(view, words))
    body = (
        f'<h1>{words["title"]}</h1><p class="state{" bad" if view.lost else ""}" role="status">{state}</p>{waiting}'
        f"<h2>{words['next']}</h2><ul>{steps}</ul>"
        f'<form method="post" action="page"><input type="hidden" name="session" value="{html.escape(view.session)}">'
        f'<button name="do" value="check">{words["check"]}</button></form>'
        f"<h2>{words['settings']}</h2><dl>{facts}</dl>"
        f"<h2>{words['by_hand']}</h2><p>{words['hand_text']}</p><pre>{html.escape(view.snippet)}</pre>"
        f"<p>{words['checksum']}: <code>{html.escape(view.checksum)}</code></p>"
    )
    return _whole(body, lang, words["title"], nonce)


def render_message(name: str, lang: str, *, nonce: str, **names: str) -> str:
    """Return a page that says one thing; `names` fill the sentence's placeholders."""
    words = WORDS[lang]
    told = words[name].format(**{key: html.escape(value) for key, value in names.items()})
    return _whole(f'<h1>{words["title"]}</h1><p role="status">{told}</p>', lang, words["title"], nonce)


def render_refusal(error: CountersignError, lang: str, *, nonce: str) -> str:
    """Return a page for what was refused: what to do, and a code that tells us why."""
    words = WORDS[lang]
    code = str(error).split(":")[0].split(" ")[0]
    shown = code if _ERROR_CODE.fullmatch(code) else type(error).__name__
    told = {
        "store_not_allowed": words["not_allowed"],
        "not_installed": words["install"],
        "session_ended": words["again"],
    }
    if code == "missing_scope":
        advice = words["scopes"].format(missing=html.escape(" ".join(str(error).split(" ")[1:])))
    else:
        advice = told.get(code, words["reinstall"])
    body = f'<h1>{words["refused"]}</h1><p role="status">{advice}</p><p><code>{html.escape(shown)}</code></p>'
    return _whole(body, lang, words["refused"], nonce)


def _steps(view: View, words: Mapping[str, str]) -> Iterable[str]:
    if view.lost:
        address = f"https://login.bigcommerce.com/app/{view.client_id}/install"
        yield f'<a href="{html.escape(address)}" target="_top">{words["authorise"]}</a>'
    if not view.rules.cashier:
        yield words["cashier"]
    if not view.rules.payment_method_names:
        yield words["methods"]
    elif not view.lost:
        yield words["offline"].format(names=html.escape(" / ".join(view.rules.payment_method_names)))
    if view.finding in ("checkout", "script", "store"):
        yield words[view.finding]
    elif not view.checked_at and not view.lost:
        yield words["unchecked"]


def _facts(view: View, words: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    rules, nothing = view.rules, words["none"]
    channels = rules.allowed_channel_ids
    yield "store_hash", view.store.store_hash
    yield "installed_at", timestamp(view.installed_at or None) or nothing
    yield "checked_at", timestamp(view.checked_at or None) or nothing
    yield "cashier_is", rules.cashier or nothing
    yield "methods_are", " / ".join(rules.payment_method_names) or nothing
    yield "origins", ", ".join(sorted(rules.allowed_origins)) or nothing
    yield "channels", words["all"] if channels is None else ", ".join(map(str, sorted(channels)))
    yield "age", f"{rules.max_age_seconds / 3600:g}"
    yield "late", words[rules.paid_late_policy]
    yield "panel", words[rules.control_panel_refund]


def _whole(body: str, lang: str, title: str, nonce: str) -> str:
    return (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{title}</title><style nonce="{nonce}">{STYLE}</style></head><body><main>{body}</main></body></html>'
    )
