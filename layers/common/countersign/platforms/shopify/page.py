"""The page that a merchant sees after an installation, or instead of one: its HTML and its words; pure.

Nothing in it is loaded from elsewhere, nothing runs, and nobody may put it into a frame.
"""

import html
from collections.abc import Mapping, Sequence

from countersign.errors import (
    ConflictError,
    CountersignError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    NotGenuineError,
    RefusedError,
)
from countersign.signing import digests
from countersign.signing.encoding import to_base64

STYLE = """*{box-sizing:border-box}body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#f4f5f4}
main{max-width:40rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.375rem;margin:0 0 1rem}
li{margin:.5rem 0}code{overflow-wrap:anywhere}"""
_STYLE = to_base64(bytes.fromhex(digests.sha256(STYLE.encode())))
HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the address of the page has the code, which is used, and a signature
    "x-content-type-options": "nosniff",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}
CONTENT_TYPE = "text/html; charset=utf-8"
READ_ALL = "read_all_orders"
_ENGLISH: Mapping[str, str] = {
    "title": "Countersign",
    "installed": "Countersign is installed in {shop}",
    "scopes": "It may do what it asked for.",
    "lacking": "It was not given {scopes}. What needs that does not work: add it to the app's configuration, and open "
    "the app from the shop's admin once more.",
    "recent": "It reads the orders of the last 60 days. For older ones the app needs the scope read_all_orders, for "
    "which Shopify is asked in the Dev Dashboard.",
    "all": "It reads all orders of the shop.",
    "made": "The shop delivers what happens to {address}.",
    "later": "The shop's deliveries to {address} are not set up yet; that is tried again every ten minutes.",
    "app": "The app's own configuration (shopify.app.toml) has to name this address for deliveries: {address}",
    "admin": "A person has to add webhooks for orders, refunds and transactions in Settings → Notifications → "
    "Webhooks, in the format JSON, to this address: {address}",
    "payments_ready": "Buyers can pay by it as soon as the merchant turns it on in Settings → Payments.",
    "payments_lacking": "Nobody can pay by it: it was not given write_payment_gateways and write_payment_sessions. Add "
    "both to the app's configuration, and open the app from the shop's admin once more.",
    "payments_later": "Shopify could not be told yet that it is ready; that is tried again every ten minutes.",
    "endless": "The token that the shop gave has no end. Public apps must use tokens that end; Shopify takes no other "
    "ones from 2027-01-01 on.",
    "next": "Within ten minutes the orders of the shop are read. Nothing else is to be done; close this page.",
    "again": "Open the app from the shop's admin once more (Settings → Apps). The link that brought you here works "
    "once, for {minutes} minutes, in the browser in which it was opened.",
    "forbidden": "This shop may not install the app: whoever runs it must name the shop in allowed_shops.",
    "unknown": "There is no app here that is installed this way.",
    "conflict": "Under this name another shop was installed before. Whoever runs the app must look at it; nothing was "
    "changed.",
    "unavailable": "It did not work just now. Wait a minute, and open the app from the shop's admin once more.",
    "refused": "Countersign was not installed",
}
_CHINESE: Mapping[str, str] = {
    "title": "Countersign",
    "installed": "Countersign 已安装到 {shop}",
    "scopes": "所需权限均已授予。",
    "lacking": "未授予权限 {scopes}，相关功能无法使用。请在应用配置中添加该权限，然后从店铺后台重新打开应用。",
    "recent": "可读取最近 60 天的订单。如需更早的订单，请在 Dev Dashboard 中向 Shopify 申请 read_all_orders 权限。",
    "all": "可读取店铺的全部订单。",
    "made": "店铺的事件将推送到 {address}。",
    "later": "尚未设置推送到 {address}，系统每十分钟会自动重试。",
    "app": "请在应用配置（shopify.app.toml）中将推送地址设置为：{address}",
    "admin": "请在 设置 → 通知 → Webhook 中为订单、退款和交易添加 JSON 格式的 Webhook，地址为：{address}",
    "payments_ready": "商家在 设置 → 付款 中启用后，买家即可用它付款。",
    "payments_lacking": "无法用于付款：未授予权限 write_payment_gateways 和 write_payment_sessions。"
    "请在应用配置中添加这两项权限，然后从店铺后台重新打开应用。",
    "payments_later": "暂时无法告知 Shopify 应用已就绪，系统每十分钟会自动重试。",
    "endless": "店铺授予的令牌没有有效期。公开应用必须使用有有效期的令牌；自 2027-01-01 起 Shopify 不再接受其他令牌。",
    "next": "十分钟内将开始读取店铺订单，无需其他操作，可以关闭本页。",
    "again": "请从店铺后台（设置 → 应用）重新打开应用。该链接只能在打开它的浏览器中使用一次，{minutes} 分钟内有效。",
    "forbidden": "该店铺未被允许安装此应用：请让应用管理员将其加入 allowed_shops。",
    "unknown": "此处没有以这种方式安装的应用。",
    "conflict": "该名称之前属于另一家店铺，请应用管理员核实；未做任何更改。",
    "unavailable": "暂时无法完成，请稍等一分钟后从店铺后台重新打开应用。",
    "refused": "Countersign 未安装",
}
WORDS: Mapping[str, Mapping[str, str]] = {"en": _ENGLISH, "zh": _CHINESE}
_MEANING: Sequence[tuple[type[CountersignError], str]] = (
    (ForbiddenError, "forbidden"),
    (NotFoundError, "unknown"),
    (ConflictError, "conflict"),
    (NotGenuineError, "again"),
    (MalformedError, "again"),
    (RefusedError, "again"),
)


def installed(
    shop: str,
    *,
    lang: str,
    lacking: Sequence[str],
    everything: bool,
    deliveries: str,
    address: str,
    endless: bool,
) -> str:
    """Return what works, and what is to be done next.

    `deliveries` is made or later where the app subscribes by the API, else app or admin, by who has to; of an app that
    serves payments it is payments_ready, payments_lacking or payments_later.
    """
    said = [("lacking", {"scopes": ", ".join(lacking)}) if lacking else ("scopes", {})]
    serves_payments = deliveries.startswith("payments_")  # such an app reads no orders
    said += [] if serves_payments else [("all" if everything else "recent", {})]
    said += [(deliveries, {"address": address})]
    said += [("endless", {})] * endless
    said += [] if serves_payments else [("next", {})]
    lines = "".join(f"<li>{_say(lang, word, values)}</li>" for word, values in said)
    return _page(lang, _say(lang, "installed", {"shop": shop}), f"<ul>{lines}</ul>")


def refused(error: CountersignError, *, lang: str, minutes: int) -> str:
    """Return what to do where an installation was refused, or did not work."""
    word = next((word for kind, word in _MEANING if isinstance(error, kind)), "unavailable")
    said = _say(lang, word, {"minutes": str(minutes)})
    return _page(lang, _say(lang, "refused", {}), f"<p>{said}</p>")


def _say(lang: str, word: str, values: Mapping[str, str]) -> str:
    """Return a sentence as HTML; what is put in comes from outside, and is text."""
    return html.escape(WORDS[lang][word]).format(**{name: html.escape(value) for name, value in values.items()})


def _page(lang: str, title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{WORDS[lang]['title']}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{content}"
        "</main></body></html>"
    )
