"""Countersign's sandbox as a target: account documents of the kit's keys, and its merchant API. Over HTTP only."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..merchant import CannotRun, Order, State
from ..platforms import PLATFORMS
from ..signers import rsa_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
LATER = 400  # how far the sandbox's clock is moved at a time
PATIENT = 30  # how often a sandbox that answers "later" is asked, a second apart
STEPS, LOOKS, LOOK = 40, 15, 0.2  # how often it is moved, and how often and how soon it is looked after each time
LIVES = 3600  # Douyin's payer may make an order for so long, and it is not known there before
STORE_SCOPES = "store_v2_orders store_v2_transactions_read_only store_content_checkout store_v2_information_read_only"
SCOPES = ["payments:write", "orders:read", "refunds:approve", "refunds:request"]


def _wechat(values: Json) -> dict[str, Json]:
    pem = rsa_keys.private_pem(rsa_keys.new_private_key())
    document = {
        "mchid": values["mchid"],
        "appid": values["appid"],
        "api": "v3",
        "merchant_private_key_pem": pem,
        "merchant_serial": "7A5C3E1F9B2D4C6E8A0F1B3D5C7E9A2B4D6F8C01",
        "api_v3_keys": [values["api_v3_key"]],
        "wechatpay_public_keys": [values["wechatpay_public_key"]],
        "platform_certificates": [],
    }
    return {"wechat/kit": document}


def _wechat_v2(values: Json) -> dict[str, Json]:
    pem = rsa_keys.private_pem(rsa_keys.new_private_key())
    document = {
        "mchid": values["mchid"],
        "appid": values["appid"],
        "api": "v2",
        "merchant_private_key_pem": pem,
        "merchant_serial": "7A5C3E1F9B2D4C6E8A0F1B3D5C7E9A2B4D6F8C02",
        "api_v3_keys": [],
        "api_v2_keys": [values["api_v2_key"]],
        "v2_sign_type": values["sign_type"],
        "wechatpay_public_keys": [],
        "platform_certificates": [],
    }
    return {"wechat/kit2": document}


def _douyin_document(values: Json, system: str) -> Json:
    return {
        "app_id": values["app_id"],
        "system": system,
        "salts": [values["salt"]],
        "tokens": [values["token"]],
        "merchant_uid": values["merchant_uid"],
        "app_secret": "6b1f0c2d9e8a47735512ab90cd34ef56",
        "app_private_key_pem": rsa_keys.private_pem(rsa_keys.new_private_key()),
        "key_version": "1",
        "platform_public_keys": [values["platform_public_key"]],
        "goods": {
            "type": 301,
            "tag_group_id": "tag_group_7272625659888058380",
            "image_url": "https://shop.example.com/item.png",
            "entry_path": "pages/order/index",
        },
    }


def _douyin(values: Json) -> dict[str, Json]:
    return {"douyin/kit": _douyin_document(values, "trade")}


def _ecpay(values: Json) -> dict[str, Json]:
    return {"douyin/kit2": _douyin_document(values, "ecpay")}


def _shopify(values: Json) -> dict[str, Json]:
    app = {
        "client_id": values["client_id"],
        "client_secrets": [values["client_secret"]],
        "api_version": "2026-10",
        "subscriptions": "app",
        "scopes": ["read_orders", "write_orders"],
    }
    shop = {
        "shop": values["shop"],
        "shop_id": f"gid://shopify/Shop/{values['shop_id']}",
        "access_token": "shpat_conformance",
        "scope": "read_orders,write_orders",
    }
    return {"shopify/kit": app, f"shopify/kit/{values['shop']}": shop}


def _recharge(values: Json) -> dict[str, Json]:
    document = {"api_token": "sk_1x1_conformance_token", "client_secrets": [values["client_secret"]]}
    return {"recharge/kit": document | {"api_version": "2021-11"}}


def _bigcommerce_documents(values: Json, name: str) -> dict[str, Json]:
    app = {
        "client_id": values["client_id"],
        "client_secrets": [values["client_secret"]],
        "cashier": "hc1/kit",
        "payment_method_names": ["OKCloud Pay"],
        "allowed_origins": ["https://shop.example.com"],
    }
    store = {
        "store_hash": values["store_hash"],
        "access_token": "conformance",
        "scope": STORE_SCOPES,
        "owner": {"id": 12345, "email": "owner@example.com"},
        "hook_token": values["hook_token"],
    }
    return {f"bigcommerce/{name}": app, f"bigcommerce/{name}/{values['store_hash']}": store}


def _bigcommerce(values: Json) -> dict[str, Json]:
    return _bigcommerce_documents(values, "kit")


def _bigcommerce_app(values: Json) -> dict[str, Json]:
    return _bigcommerce_documents(values, "kit2")


def _hc1(values: Json) -> dict[str, Json]:
    document = {"merchant_id": values["merchant_id"], "keys": [{"id": values["key_id"], "secret": values["secret"]}]}
    return {"cashier/hc1/kit": document}


def _stripe(values: Json) -> dict[str, Json]:
    document = {"api_key": "sk_test_conformance_000000000000", "webhook_secrets": [values["webhook_secret"]]}
    return {"cashier/stripe/kit": document}


@dataclass(frozen=True)
class Place:
    """Where a platform's messages go in Countersign, and where its orders are."""

    path: str
    orders: str  # {platform}/{account}
    create: str = ""
    function: str = ""  # whose environment is killed
    documents: Any = None
    extra: Json = field(default_factory=dict)
    lives: int = 0  # seconds after which an order is over, where nothing but that closes one


PAGE: Json = {"return_url": "https://shop.example.com/thanks"}
PAYER: Json = {"payer": {"openid": "oConformance0000000000000001"}, "client_ip": "203.0.113.7"}
PLACES = {
    "wechat": Place("/wechat/kit/notify", "wechat/kit", "/wechat/kit/payments", "wechat_notify", _wechat, PAYER),
    "wechat-v2": Place(
        "/wechat/kit2/notify", "wechat/kit2", "/wechat/kit2/payments", "wechat_notify", _wechat_v2, PAYER
    ),
    "douyin": Place(
        "/douyin/kit/callback", "douyin/kit", "/douyin/kit/payments", "douyin_callback", _douyin, lives=LIVES
    ),
    "douyin-ecpay": Place(
        "/douyin/kit2/callback", "douyin/kit2", "/douyin/kit2/payments", "douyin_callback", _ecpay, lives=LIVES
    ),
    "shopify": Place("/shopify/kit/webhook", "shopify/conformance-kit.myshopify.com", "", "shopify_webhook", _shopify),
    "recharge": Place("/recharge/kit/webhook", "recharge/kit", "", "recharge_webhook", _recharge),
    "bigcommerce": Place("/bigcommerce/kit/webhook", "", "", "bigcommerce_webhook", _bigcommerce),
    "bigcommerce-app": Place("/bigcommerce/kit2/load", "", "", "bigcommerce_load", _bigcommerce_app),
    "hc1": Place(
        "/cashier/hc1/kit/notify", "cashier/hc1.kit", "/cashier/hc1/kit/payments", "cashier_notify", _hc1, PAGE
    ),
    "stripe": Place(
        "/cashier/stripe/kit/notify",
        "cashier/stripe.kit",
        "/cashier/stripe/kit/payments",
        "cashier_notify",
        _stripe,
        PAGE,
    ),
}


@dataclass
class Sandbox:
    """A running sandbox: the API on a port, its control on the next."""

    port: int
    _token: str = ""

    def call(
        self, method: str, path: str, body: Any = None, *, control: bool = False, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Call the API or the control side; status and what its JSON says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port + (1 if control else 0), timeout=60)
        sent = {"content-type": "application/json", **(headers or {})}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            answer = connection.getresponse()
            text = answer.read()
        except OSError as error:
            raise CannotRun(f"{path}: {type(error).__name__}") from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, {}

    def authorized(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call the merchant API as a person."""
        if not self._token:
            _, answer = self.call(
                "POST", "/token", {"scopes": SCOPES, "subject": "conformance", "expires_in": 10**6}, control=True
            )
            self._token = answer["access_token"]
        return self.call(method, path, body, headers={"authorization": f"Bearer {self._token}"})

    def wait(self, process: subprocess.Popen[bytes] | None = None, seconds: float = 240) -> None:
        """Wait until everything answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and (process is None or process.poll() is None):
            with contextlib.suppress(CannotRun):
                if self.call("GET", "/healthz", control=True)[0] == 200:
                    return
            time.sleep(0.3)
        raise CannotRun("the sandbox did not come up")


@dataclass
class OurMerchant:
    """A merchant of Countersign's, by its HTTP API and the sandbox's control side."""

    sandbox: Sandbox
    place: Place
    ahead: float = 0.0  # seconds that the sandbox's clock is ahead of this machine's

    def __post_init__(self) -> None:
        _, answer = self.sandbox.call("GET", "/clock", control=True)
        self.ahead = float(answer["now"]) - time.time()

    def clock(self) -> float:
        """Return the sandbox's time."""
        return time.time() + self.ahead

    @property
    def can(self) -> set[str]:
        """Return all that the platform has."""
        return {"create", "state", "close", "kill", "store"} - (set() if self.place.create else {"create", "close"})

    def create(self, order: Order) -> Json:
        """Create a payment."""
        body = {
            "order_id": order.number,
            "amount": {"minor": order.minor, "currency": order.currency},
            "description": "conformance",
            **self.place.extra,
        }
        status, answer = self._patiently("POST", self.place.create, body)
        if status not in (200, 201):
            raise CannotRun(f"creating {order.label} answered {status} {json.dumps(answer)[:200]}")
        return dict(answer)

    def state(self, order: Order) -> State:
        """Read the order."""
        path = f"/orders/{self.place.orders}/{urllib.parse.quote(order.number, safe='')}"
        status, answer = self._patiently("GET", path)
        if status == 404:
            return State("none")
        if status != 200:
            raise CannotRun(f"reading {order.label} answered {status}")
        paid = answer.get("paid") or {}
        return State(str(answer["status"]), paid.get("minor"), None, answer.get("version"))

    def close(self, order: Order) -> None:
        """Have the order closed, or wait until its time is over, and until it is closed here.

        Platforms let nobody close an order in its first minutes, and work that was just looked at comes up again
        later: so the clock is moved on until it is closed. How busy this machine is decides nothing.
        """
        if not self.place.lives:
            path = f"/orders/{self.place.orders}/{urllib.parse.quote(order.number, safe='')}"
            status, answer = self._patiently("POST", f"{path}/close")
            if status not in (200, 202):
                raise CannotRun(f"closing {order.label} answered {status} {json.dumps(answer)[:200]}")
        for _ in range(STEPS):
            step = LATER + self.place.lives
            self.sandbox.call("POST", "/clock", {"advance": step}, control=True)
            self.ahead += step
            for _ in range(LOOKS):
                if self.state(order).word in ("closed", "expired"):
                    return
                time.sleep(LOOK)
        raise CannotRun(f"{order.label} was to be closed, and is {self.state(order).word}")

    def _patiently(self, method: str, path: str, body: Json | None = None) -> tuple[int, Any]:
        """Call the API, again where it is busy: just after the clock was moved everything is."""
        for _ in range(PATIENT):
            status, answer = self.sandbox.authorized(method, path, body)
            if status < 500:
                break
            time.sleep(1)
        return status, answer

    def kill(self) -> None:
        """Kill an environment of the callback's function; a busy one first."""
        self.sandbox.call("POST", "/kill", {"what": "function", "function": self.place.function}, control=True)

    def store(self, *, up: bool) -> None:
        """Have DynamoDB refuse every write of the callback's function, or none."""
        faults = (
            []
            if up
            else [
                {
                    "id": f"down-{time.monotonic_ns()}-{kind}",
                    "call": f"dynamodb.{call}",
                    "kind": "error500",
                    "function": self.place.function,
                    "count": 1000,
                }
                for kind, call in enumerate(("Put*", "Update*", "Transact*", "BatchWrite*"))
            ]
        )
        self.sandbox.call("POST", "/faults", {"aws": faults}, control=True)


def documents(folder: Path, names: list[str], values: dict[str, Json]) -> None:
    """Write the account documents for the kit's keys."""
    for name in names:
        for account, document in PLACES[name].documents(values[name]).items():
            path = folder / f"{account}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document), encoding="utf-8")


@contextlib.contextmanager
def running(port: int, accounts: Path) -> Iterator[Sandbox]:
    """Run a sandbox with these accounts until the end of the block."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - the sandbox
            [sys.executable, "-m", "sandbox", "run", "--port", str(port), "--accounts", str(accounts)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "ENDS_WITH_PROCESS": str(os.getpid())},
        )
        sandbox = Sandbox(port)
        try:
            try:
                sandbox.wait(process)
            except CannotRun as error:
                log.seek(0)
                raise CannotRun(f"{error}\n{log.read()[-3000:].decode('utf-8', 'replace')}") from error
            yield sandbox
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)


__all__ = ["PLACES", "PLATFORMS", "OurMerchant", "Sandbox", "documents", "running"]
