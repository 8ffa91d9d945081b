"""GET /cashier/{name}/{account}/pay/{token} and …/status: the page that shows a QR code, and what became of it."""

import os
import re

from countersign.cashiers.wechat_native import page
from countersign.errors import CountersignError, NotFoundError
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.orders.state import Order
from countersign.runtime.entrypoint import entrypoint
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.pages import Page, Pages

SAFE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
KIND = "wechat_native"
_TOKEN = re.compile(r"[0-9a-f]{64}", re.ASCII)
store = OrderStore.from_environment()
pages = Pages(store.client, os.environ["IDEMPOTENCY_TABLE_NAME"])


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse: what does not exist and what is over look alike."""
    nonce, lang = nonces.nonce(), page.language("", request.headers.get("accept-language", "") if request else "")
    headers = {**SAFE, "content-security-policy": page.policy(nonce)}
    return HttpReply(error.status, page.render_gone(lang, nonce), "text/html; charset=utf-8", headers)


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Show the page, or its status: both from what is recorded, nothing is asked of anybody."""
    token = request.path_parameters.get("token", "")
    if request.path_parameters.get("name") != KIND:
        raise NotFoundError("no such page")
    found = pages.get(token, now=now) if _TOKEN.fullmatch(token) else None
    order = store.get(found.key) if found else None
    if found is None or order is None:
        raise NotFoundError("no such page")
    state = page.state_of(order.status)
    if request.path.endswith("/status"):
        return json_reply(200, {"state": state}, headers=SAFE)
    return _page(request, found, order, state, now)


def _page(request: HttpRequest, found: Page, order: Order, state: str, now: int) -> HttpReply:
    nonce = nonces.nonce()
    token = request.path_parameters["token"]
    content = page.render(
        state=state,
        content=found.content,
        amount=order.terms.amount,
        description=order.terms.description,
        shop_name=found.shop_name,
        back=found.cancel_url or found.return_url,
        return_url=found.return_url,
        expires_at=found.expires_at,
        lang=page.language(found.locale, request.headers.get("accept-language", "")),
        nonce=nonce,
        status_path=f"{token}/status",
        now=now,
    )
    headers = {**SAFE, "content-security-policy": page.policy(nonce)}
    return HttpReply(200, content, "text/html; charset=utf-8", headers)
