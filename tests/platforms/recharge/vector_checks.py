"""What a vector of each of Recharge's categories must give, checked against our own code; a failed check raises."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from countersign.errors import CountersignError, NotGenuineError, PlatformUnavailableError
from countersign.http import HttpRequest
from countersign.orders.changes import Verified
from countersign.platforms.recharge import messages, replies, signing, translate
from countersign.platforms.recharge import settings as recharge_settings
from countersign.platforms.recharge.answers import CallRefusedError
from countersign.platforms.recharge.client import Client
from countersign.platforms.recharge.messages import Charge
from countersign.platforms.recharge.pace import Bucket
from countersign.platforms.recharge.settings import Settings

Vector = Mapping[str, Any]
DEFAULT_NOW = 1795356005


class VectorFailedError(Exception):
    """Our code gives something else than a vector says."""


def must(holds: object, what: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise VectorFailedError(what)


def account(inputs: Mapping[str, Any]) -> Settings:
    """Return the account that a vector is of; 2021-01 names no currency, so the account does."""
    secrets = inputs.get("client_secrets") or [inputs.get("client_secret", "rc_client_secret_of_no_vector")]
    return recharge_settings.load(
        {
            "api_token": inputs.get("access_token", "sk_1x1_vectors_token"),
            "client_secrets": secrets,
            "api_version": inputs.get("api_version", "2021-11"),
            "currency": "USD",
            "require_timestamped": inputs.get("require_timestamped", False),
        }
    )


def body_of(raw: Mapping[str, Any]) -> bytes:
    """Return a request's exact bytes; one whose bytes are not those of its digest would judge something else."""
    coded = raw.get("body_base64") or raw.get("body_b64")
    body = base64.b64decode(coded) if coded else str(raw.get("body", "")).encode()
    digest = raw.get("body_sha256")
    must(not digest or hashlib.sha256(body).hexdigest() == digest, "the vector's body is not the one of its digest")
    return body


def check_webhook(vector: Vector) -> None:
    """Check that a delivery is taken or refused, and what is read of one that is taken."""
    raw, inputs, expect = vector["raw_request"], vector["inputs"], vector["expect"]
    settings = account(inputs)
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    request = HttpRequest("POST", raw["path"], headers, body_of(raw))
    try:
        genuine = signing.verify(request, settings, now=int(inputs.get("now_epoch") or DEFAULT_NOW))
    except CountersignError as error:
        must(not expect["valid"], f"refused ({error}), and it is genuine")
        must(isinstance(error, NotGenuineError), f"refused as {type(error).__name__}, not as one that is not genuine")
        must(replies.refused(request, error).status == 401, "not answered 401")
        return
    must(expect["valid"], "taken, and it is not genuine")
    wanted = expect.get("parsed")
    if wanted is None:
        return
    charge = messages.read_charge(genuine.fields["charge"], settings.zone)
    check_charge(charge, wanted)
    told = translate.charge_to_changes(charge, settings, "shop", Verified(genuine.key_id), via="notify")
    must(told[0].key.order_id == str(wanted["charge_id"]), "another order than the charge's")


def check_charge(charge: Charge, wanted: Mapping[str, Any]) -> None:
    """Compare what was read of a charge with what a vector says of it."""
    for name, value in wanted.items():
        must(name in READ, f"nothing here reads {name}")
        found = READ[name](charge, value)
        must(found == value, f"{name} is {found!r}, and should be {value!r}")


def _minor(charge: Charge, _: object) -> int:
    whole, _, fraction = charge.amount.partition(".")
    return int(whole) * 100 + int((fraction or "0").ljust(2, "0"))


def _moment(name: str) -> Callable[[Charge, Any], Any]:
    """Return a reader of a time: as the vector writes it, where both are the same moment."""

    def read(charge: Charge, value: Any) -> Any:
        found = getattr(charge, name)
        same = value is not None and messages.moment({"at": value}, "at", recharge_settings.UTC) == found
        return value if same else found

    return read


def _text(name: str) -> Callable[[Charge, Any], Any]:
    return lambda charge, value: getattr(charge, name) or (value if value in (None, "") else None)


def _number(name: str) -> Callable[[Charge, Any], Any]:
    """Return a reader of an id, which a vector may write as a number."""

    def read(charge: Charge, value: Any) -> Any:
        found = getattr(charge, name)
        return (int(found) if isinstance(value, int) else found) if found else None

    return read


READ: Mapping[str, Callable[[Charge, Any], Any]] = {
    "charge_id": _number("id"),
    "recharge_customer_id": _number("customer_id"),
    "shopify_customer_id": _number("shop_customer_id"),
    "shopify_order_id": _number("external_order_id"),
    "email": _text("email"),
    "status": lambda charge, _: charge.status,
    "error_type": _text("error_type"),
    "error": _text("error"),
    "note": lambda charge, _: charge.note,
    "attempts": lambda charge, _: charge.attempts,
    "retry_date": _moment("retry_at"),
    "updated_at": _moment("updated_at"),
    "amount": lambda charge, _: charge.amount,
    "amount_minor": _minor,
    "currency": _text("currency"),
    "retries_exhausted": lambda charge, _: charge.status == "error" and translate.is_final(charge),
}


class Played:
    """A session that plays a vector's exchanges and compares each request with the one that must be made."""

    def __init__(self, exchanges: list[Mapping[str, Any]]) -> None:
        self.exchanges = exchanges
        self.slept: list[float] = [0.0] * (len(exchanges) + 1)
        self.asked = 0

    def sleep(self, seconds: float) -> None:
        self.slept[self.asked] += seconds

    def request(self, method: str, url: str, *, headers: Mapping[str, str], **_: Any) -> Any:
        must(self.asked < len(self.exchanges), f"request {self.asked + 1} is one too many: {url}")
        exchange = self.exchanges[self.asked]
        self.asked += 1
        wanted = exchange["request"]
        must(method == wanted["method"], f"{method} instead of {wanted['method']}")
        ours, theirs = urlsplit(url), urlsplit(wanted["url"])
        must((ours.scheme, ours.netloc, ours.path) == (theirs.scheme, theirs.netloc, theirs.path), f"asked {url}")
        must(sorted(parse_qsl(ours.query)) == sorted(parse_qsl(theirs.query)), f"asked {url}, not {wanted['url']}")
        for name, value in wanted.get("headers", {}).items():
            must(headers.get(name) == value, f"the header {name} is {headers.get(name)!r}")
        return Answer(exchange["response"])


class Answer:
    """One answer as `requests` gives it."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.status_code = response["status"]
        self.headers = {"Content-Length": "", **response.get("headers", {})}
        self.content = body_of(response)


def check_scan(vector: Vector) -> None:
    """Check which requests a list of charges takes, and what it ends with."""
    inputs, expect = vector["inputs"], vector["expect"]
    exchanges = vector["raw_request"]["exchanges"]
    wanted = dict(parse_qsl(urlsplit(exchanges[0]["request"]["url"]).query))
    session = Played(exchanges)
    now = [0.0]
    bucket = Bucket(lambda: now[0], session.sleep)
    client = Client(session, account(inputs), bucket=bucket, sleep=session.sleep)
    pages = client.charges(
        status=wanted.get("status", "").lower(),
        since=wanted.get("updated_at_min", ""),
        until=wanted.get("updated_at_max", ""),
        sort=wanted.get("sort_by", "updated_at-asc"),
        limit=int(wanted.get("limit", 250)),
    )
    newest: dict[str, Charge] = {}
    error = ""
    try:
        for page in pages:
            for fields in page.charges:
                charge = messages.read_charge(fields)
                known = newest.pop(charge.id, charge)
                newest[charge.id] = max(known, charge, key=lambda one: one.updated_at or 0)
    except CallRefusedError as refused:
        error = {401: "unauthorized", 403: "forbidden", 426: "upgrade_required"}.get(refused.status, "refused")
    except (PlatformUnavailableError, CountersignError) as failure:
        error = type(failure).__name__
    must(error == expect.get("error", ""), f"ended with {error!r}, not with {expect.get('error', '')!r}")
    must(session.asked == expect["requests"], f"{session.asked} requests, not {expect['requests']}")
    for name, least in expect.items():
        if name.startswith("min_sleep_seconds_before_request_"):
            must(session.slept[int(name.rpartition("_")[2]) - 1] >= least, f"waited less than {least} s")
    if "charges" in expect:
        found = list(newest.values())
        must(len(found) == len(expect["charges"]), f"{len(found)} charges, not {len(expect['charges'])}")
        for charge, said in zip(found, expect["charges"], strict=True):
            check_charge(charge, said)


CHECKS: Mapping[str, Callable[[Vector], None]] = {
    "recharge_webhook_legacy": check_webhook,
    "recharge_webhook_timestamped": check_webhook,
    "recharge_charge_scan": check_scan,
}
