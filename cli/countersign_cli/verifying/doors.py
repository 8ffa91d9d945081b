"""The doors by which platforms come in: what each looks at, in its order, by the product's own code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from countersign.errors import MalformedError
from countersign.http import HttpRequest, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

# What is looked at. A door has them in the order in which its code does.
SHAPE, TIME, KEY, SIGNATURE, SEAL, OWNER, CONTENT = "shape", "time", "key", "signature", "seal", "owner", "content"
_TEN_DIGITS = re.compile(r"[0-9]{10}", re.ASCII)
Json = dict[str, Any]
Check = Callable[[HttpRequest, Json, "Beside", int], "Genuine"]


class Beside(NamedTuple):
    """What stands beside the account's document: the document of the store or shop, and what the vector was told."""

    store: Json
    account: str = "account"


class UnreadableError(MalformedError):
    """What is genuine cannot be read, and the sender is told so."""


@dataclass(frozen=True)
class Genuine:
    """A request that is believed: the name of its key, what its content cannot be read for, whether it is a hint."""

    key_id: str
    problem: str = ""
    hint: bool = False


@dataclass(frozen=True)
class Door:
    """One door of a platform."""

    name: str
    ladder: Sequence[str]
    check: Check
    stamp: Callable[[HttpRequest], str] = lambda _: ""
    fits: Callable[[HttpRequest], bool] = lambda _: True

    def signed_at(self, request: HttpRequest) -> int | None:
        """Return the time that the request says, as far as it can be read."""
        text = self.stamp(request)
        return int(text) if _TEN_DIGITS.fullmatch(text) else None


def _read_by(read: Callable[[], object]) -> str:
    """Return why a genuine message cannot be read, or nothing."""
    try:
        read()
    except MalformedError as error:
        return str(error)
    return ""


def _header(name: str) -> Callable[[HttpRequest], str]:
    return lambda request: request.headers.get(name, "")


# WeChat


def _wechat_notify(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.wechat import settings, signing, translate

    account = settings.load(document)
    found = signing.verify(request, account, now=now)
    problem = _read_by(lambda: translate.to_change(found, account, beside.account))
    return Genuine(found.key_id, problem, hint=not found.signed)


def _wechat_push(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.wechat import push, push_events, settings

    account = settings.load(document)
    known = push.recipients(account)
    if request.method == "GET":
        push.check_url(request, known, now=now)
        return Genuine("push.token")
    found = push.verify(request, known, now=now)
    problem = ""
    if push_events.is_news(found):
        problem = _read_by(lambda: push_events.to_change(found, account, beside.account))
    return Genuine(found.key_id, problem, hint=not found.signed)


# Douyin


def _douyin(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.douyin import settings, signing, translate

    account = settings.load(document)
    found = signing.verify(request, account, now=now)
    problem = _read_by(lambda: translate.to_change(found, account, beside.account))
    return Genuine(found.key_id, problem, hint=found.stale)


def _douyin_stamp(request: HttpRequest) -> str:
    if "byte-signature" in request.headers:
        return request.headers.get("byte-timestamp", "")
    return _member(request.body, "timestamp")


def _member(body: bytes, name: str) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    return str(document.get(name, "")) if isinstance(document, dict) else ""


# Recharge


def _recharge(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.recharge import settings, signing, translate

    account = settings.load(document)
    found = signing.verify(request, account, now=now)
    problem = found.problem or _read_by(lambda: translate.to_changes(found, account, beside.account))
    return Genuine(found.key_id, problem)


def _recharge_stamp(request: HttpRequest) -> str:
    from countersign.platforms.recharge import signing

    pairs = (pair.strip(" \t").partition("=") for pair in request.headers.get(signing.TIMESTAMPED, "").split(","))
    return next((value for name, _, value in pairs if name == "t"), "")


# Shopify


def _shopify_webhook(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.shopify import settings, signing, translate

    found = signing.verify(request, settings.load(document))
    problem = found.problem or _read_by(lambda: translate.to_changes(found, found.shop, ours=True))
    return Genuine(found.key_id, problem)


def _shopify_query(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.shopify import settings, signing

    signing.verify_query(request.raw_query, settings.load(document).client_secrets, now=now)
    return Genuine("client_secrets")


def _shopify_event(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.shopify import bus

    event = read_json(request.body)
    if not isinstance(event, dict):
        raise MalformedError("the event is not an object")
    found = bus.verify(event, str(beside.store.get("source") or bus.PARTNER))
    return Genuine(found.key_id, found.problem)


def _shopify_session(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.errors import NotFoundError
    from countersign.platforms.shopify import sessions

    shop = sessions.shop_of(request)
    known = beside.store.get("shops")
    if known is not None and shop not in known:
        raise NotFoundError("the app is not installed in the shop that the request names")
    about = request.path.rstrip("/").rpartition("/")[2].removesuffix("-session").removesuffix("_session")
    # Nothing here is signed: mutual TLS is, and no capture shows it.
    problem = _read_by(lambda: sessions.read(about, shop, request.body))
    if problem:
        raise UnreadableError(problem)
    return Genuine("mtls")


def _is_session(request: HttpRequest) -> bool:
    return bool(re.search(r"(payment|refund|capture|void)[-_]session/?$", request.path))


# BigCommerce


def _bigcommerce_webhook(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.bigcommerce import settings, signing, translate

    app = settings.load(document)
    if signing.is_signed(request):
        found = signing.verify(request, app, now=now)
    else:
        store = settings.load_installation({"store_hash": "unknown", **beside.store})
        found = signing.read(request.body, signing.verify_header(request, store))
    return Genuine(found.key_id, found.problem or _read_by(lambda: translate.to_changes(found)))


def _bigcommerce_visit(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.bigcommerce import app_calls, settings

    app = settings.load(document)
    legacy = "signed_payload_jwt" not in request.query
    app_calls.read_visit(request.raw_query, app.client_id, app.client_secrets, legacy=legacy, now=now)
    return Genuine("client_secrets")


def _bigcommerce_shopper(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
    from countersign.platforms.bigcommerce import app_calls, proof, settings

    app, wish = settings.load(document), proof.read_wish(request.body)
    if wish.customer_jwt:
        app_calls.customer_of(wish.customer_jwt, app.client_id, app.client_secrets, store_hash=wish.store_hash, now=now)
        return Genuine("client_secrets")
    return Genuine("", hint=True)


# Hosted cashiers


def _cashier(name: str) -> Check:
    def check(request: HttpRequest, document: Json, beside: Beside, now: int) -> Genuine:
        from countersign.cashiers.doors import DOORS

        door = DOORS[name]
        told = door.parse(request, door.load(document), now)
        problem = _read_by(lambda: told.changes(beside.account))
        if problem and door.refuses_unreadable:
            raise UnreadableError(problem)
        return Genuine(told.key_id, problem)

    return check


def _stripe_stamp(request: HttpRequest) -> str:
    pairs = (pair.strip().partition("=") for pair in request.headers.get("stripe-signature", "").split(","))
    return next((value for name, _, value in pairs if name == "t"), "")


DOORS: Mapping[str, Sequence[Door]] = {
    "wechat": (
        Door(
            "push",
            (SHAPE, TIME, SIGNATURE, SEAL, OWNER, CONTENT),
            _wechat_push,
            lambda request: request.query.get("timestamp", ""),
            lambda request: request.path.endswith("/push") or "timestamp" in request.query,
        ),
        Door(
            "notify",
            (SHAPE, TIME, KEY, SIGNATURE, SEAL, OWNER, CONTENT),
            _wechat_notify,
            _header("wechatpay-timestamp"),
        ),
    ),
    "douyin": (Door("callback", (SHAPE, SIGNATURE, TIME, OWNER, CONTENT), _douyin, _douyin_stamp),),
    "recharge": (Door("webhook", (SHAPE, SIGNATURE, TIME, CONTENT), _recharge, _recharge_stamp),),
    "shopify": (
        Door(
            "query",
            (SIGNATURE, SHAPE, TIME),
            _shopify_query,
            lambda request: request.query.get("timestamp", ""),
            lambda request: request.method == "GET" and "hmac" in request.query,
        ),
        Door("session", (SHAPE, OWNER, CONTENT), _shopify_session, fits=_is_session),
        Door(
            "event", (OWNER, SHAPE, CONTENT), _shopify_event, fits=lambda request: bool(_member(request.body, "detail"))
        ),
        Door("webhook", (SIGNATURE, SHAPE, CONTENT), _shopify_webhook),
    ),
    "bigcommerce": (
        Door(
            "visit",
            (SHAPE, SIGNATURE, TIME, OWNER),
            _bigcommerce_visit,
            fits=lambda request: "signed_payload" in request.query or "signed_payload_jwt" in request.query,
        ),
        Door(
            "payments",
            (SHAPE, SIGNATURE, TIME, OWNER),
            _bigcommerce_shopper,
            fits=lambda request: request.path.rstrip("/").endswith("/payments"),
        ),
        Door("webhook", (SHAPE, TIME, SIGNATURE, CONTENT), _bigcommerce_webhook, _header("webhook-timestamp")),
    ),
    "hc1": (Door("notify", (SHAPE, KEY, TIME, SIGNATURE, OWNER, CONTENT), _cashier("hc1"), _header("hc-timestamp")),),
    "stripe": (Door("notify", (SHAPE, SIGNATURE, TIME, OWNER, CONTENT), _cashier("stripe"), _stripe_stamp),),
}


def door_of(platform: str, request: HttpRequest, wanted: str | None) -> Door:
    """Return the door that a request came by, or the one that is named."""
    doors = DOORS[platform]
    if wanted:
        return next(door for door in doors if door.name == wanted)
    return next(door for door in doors if door.fits(request))
