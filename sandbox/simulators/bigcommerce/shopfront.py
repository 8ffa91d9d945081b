"""The order confirmation page of a store as a browser gets it: one theme or another, with the scripts that apps set."""

from __future__ import annotations

import html
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.simulating.simulator import Reply
    from sandbox.simulators.bigcommerce.accounts import Store
    from sandbox.simulators.bigcommerce.orders import Order

PATH = re.compile(r"/storefront/([a-z0-9]+)/checkout/order-confirmation/([0-9]+)")
# What differs between stores' pages: `default` shows the scripts of its apps at its end; `no_footer` has lost the
# place for them, and the merchant wrote the app's tag into its head; `nonce` runs what carries its nonce alone, as the
# setting for PCI 4.0 does; `cookie_banner` runs nothing before consent that is not essential, behind a banner.
THEMES = ("default", "no_footer", "nonce", "cookie_banner")
REPORTS = "/csp-reports"  # of the store's own; a test looks at what comes there
_TAG = re.compile(r"<script\b", re.IGNORECASE)
_STYLE = """body{margin:0;font:1rem/1.5 sans-serif;color:#222;background:#fff}header,main{padding:1rem 2rem}
.button--primary{padding:.75rem 2rem;border:0;color:#fff;background:#14532d;font:inherit}
#banner{position:fixed;bottom:0;left:0;right:0;padding:1rem;color:#fff;background:#333}"""
_BANNER = """<div id="banner" role="region" aria-label="Cookies"><p>We use cookies.</p>
<button type="button">Accept</button></div>"""


def page(store: Store, order: Order) -> Reply:
    """Return the page of an order to the shopper who placed it."""
    nonce = secrets.token_hex(16) if store.theme == "nonce" else ""
    place = "head" if store.theme == "no_footer" else "footer"
    scripts = "".join(_script(one, store, order, nonce) for one in store.scripts if _is_shown(one, store.theme))
    own = f' nonce="{nonce}"' if nonce else ""
    banner = _BANNER if store.theme == "cookie_banner" else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>Order {order.id}</title><style{own}>{_STYLE}</style>{scripts if place == 'head' else ''}</head>"
        f"<body><header><p>{html.escape(store.domain)}</p></header><main><h1>Thank you!</h1>"
        f'<div id="checkout-app"><p>Your order number is {order.id}. You chose {html.escape(order.method)}.</p></div>'
        f"</main>{banner}{scripts if place == 'footer' else ''}</body></html>"
    )
    headers = {"Content-Type": "text/html; charset=utf-8"}
    if nonce:
        policy = f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; object-src 'none'; base-uri 'none'"
        headers["Content-Security-Policy"] = f"{policy}; report-uri {REPORTS}"
    return 200, headers, text.encode()


def _is_shown(script: dict[str, object], theme: str) -> bool:
    """Tell whether the page of an order has a script; before consent a banner lets nothing run but what is essential.

    A script without a category counts as one that needs consent.
    """
    if not script.get("enabled") or script.get("visibility") not in ("order_confirmation", "all_pages"):
        return False
    return theme != "cookie_banner" or script.get("consent_category") == "essential"


def _script(script: dict[str, object], store: Store, order: Order, nonce: str) -> str:
    """Fill in what the tag of a script leaves to the page, and let it run."""
    customer = str(order.customer_id) if order.customer_id else ""
    known = {"{{checkout.order.id}}": str(order.id), "{{customer.id}}": customer, "{{settings.store_hash}}": store.hash}
    text = str(script["html"])
    for name, value in known.items():
        text = text.replace(name, value)
    return _TAG.sub(f'<script nonce="{nonce}"', text) if nonce else text
