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

from .merchant import CannotRun, Order, State
from .platforms import PLATFORMS
from .signers import rsa_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
ROOT = Path(__file__).parent.parent
LATER = 400
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


@dataclass(frozen=True)
class Place:
    """Where a platform's messages go in Countersign, and where its orders are."""

    path: str
    orders: str  # {platform}/{account}
    create: str = ""
    function: str = ""  # whose environment is killed
    documents: Any = None
    extra: Json = field(default_factory=dict)


PAYER: Json = {"payer": {"openid": "oConformance0000000000000001"}, "client_ip": "203.0.113.7"}
PLACES = {
    "wechat": Place("/wechat/kit/notify", "wechat/kit", "/wechat/kit/payments", "wechat_notify", _wechat, PAYER),
    "wechat-v2": Place(
        "/wechat/kit2/notify", "wechat/kit2", "/wechat/kit2/payments", "wechat_notify", _wechat_v2, PAYER
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
                "POST", "/token", {"scopes": SCOPES, "subject": "conformance", "expires_in": 86_400}, control=True
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

    def clock(self) -> float:
        """Return the sandbox's time."""
        return time.time() + self.ahead

    @property
    def can(self) -> set[str]:
        """Everything."""
        return {"create", "state", "close", "kill", "store"} - (set() if self.place.create else {"create", "close"})

    def create(self, order: Order) -> Json:
        """Create a payment."""
        body = {
            "order_id": order.number,
            "amount": {"minor": order.minor, "currency": order.currency},
            "description": "conformance",
            **self.place.extra,
        }
        for _ in range(5):  # just after the clock was moved everything is busy
            status, answer = self.sandbox.authorized("POST", self.place.create, body)
            if status < 500:
                break
            time.sleep(1)
        if status != 201:
            raise CannotRun(f"creating {order.number} answered {status} {json.dumps(answer)[:200]}")
        return dict(answer)

    def state(self, order: Order) -> State:
        """Read the order."""
        path = f"/orders/{self.place.orders}/{urllib.parse.quote(order.number, safe='')}"
        status, answer = self.sandbox.authorized("GET", path)
        if status == 404:
            return State("none")
        if status != 200:
            raise CannotRun(f"reading {order.number} answered {status}")
        paid = answer.get("paid") or {}
        return State(str(answer["status"]), paid.get("minor"), None, answer.get("version"))

    def close(self, order: Order) -> None:
        """Close the order, and wait until it is: platforms let nobody close one in its first minutes."""
        path = f"/orders/{self.place.orders}/{urllib.parse.quote(order.number, safe='')}"
        status, answer = self.sandbox.authorized("POST", f"{path}/close")
        if status not in (200, 202):
            raise CannotRun(f"closing {order.number} answered {status} {json.dumps(answer)[:200]}")
        self.sandbox.call("POST", "/clock", {"advance": LATER}, control=True)
        self.ahead += LATER
        end = time.monotonic() + 20
        while self.state(order).word not in ("closed", "expired"):
            if time.monotonic() > end:
                raise CannotRun(f"{order.number} was asked to close, and is {self.state(order).word}")
            time.sleep(0.2)

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
