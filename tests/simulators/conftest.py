"""WeChat's simulator on a loopback port, a clock in the test's hand, and a shop that hears its notices."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.simulators.wechat import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUCCESS_V2 = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"


class Clock:
    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


class Inbox:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        self.entries.append({"kind": kind, **entry})


@dataclasses.dataclass
class Heard:
    path: str
    headers: dict[str, str]
    body: bytes


class Shop:
    """The product's place: keeps what it hears and answers what the test wants."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answer: Callable[[Heard], tuple[int, bytes]] = lambda _: (204, b"")
        self.base = ""

    def wait_for(self, count: int) -> list[Heard]:
        end = time.monotonic() + 60
        while len(self.heard) < count and time.monotonic() < end:
            time.sleep(0.005)
        assert len(self.heard) >= count, f"heard {len(self.heard)} notices, not {count}"
        return self.heard


def serve(
    answer: Callable[[str, str, dict[str, str], bytes], tuple[int, dict[str, str], bytes]],
) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, text = answer(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
    return server


@pytest.fixture
def clock() -> Clock:
    # wechatpayv3 and wechatpy look at the machine's clock, so the platform starts there too.
    return Clock(time.time())


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()

    def answer(_method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        heard = Heard(path, headers, body)
        reply = shop.answer(heard)
        shop.heard.append(heard)
        return reply[0], {}, reply[1]

    server = serve(answer)
    shop.base = f"http://127.0.0.1:{server.server_port}"
    yield shop
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def accounts() -> dict[str, dict[str, Any]]:
    made = Simulator.throwaway_accounts()
    return {name: Simulator.prepare_account(made[name], "http://127.0.0.1:1/wechat") for name in made}


@pytest.fixture
def platform(
    clock: Clock, inbox: Inbox, shop: Shop, accounts: dict[str, dict[str, Any]], tmp_path: Path
) -> Iterator[Simulator]:
    simulator = Simulator(clock, accounts, inbox, shop.base, tmp_path)
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def api(platform: Simulator) -> Iterator[str]:
    """Return the base URL under which the sandbox mounts the platform."""

    def answer(method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        path, _, query = target.partition("?")
        return platform.handle(method, path.removeprefix("/wechat"), query, headers, body)

    server = serve(answer)
    yield f"http://127.0.0.1:{server.server_port}/wechat"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    file = Path(__file__).parent.parent / "vectors" / "wechat_public.json"
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return data
