"""The newcomer's page: its buttons, what it says, the curl of each click, and nothing of anybody's secrets."""

import ast
import importlib
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from string import Formatter
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from sandbox import simulators, supervisor
from sandbox.desk import counters, desk, hands, page, seed, troubles, words
from sandbox.desk.desk import Desk
from sandbox.desk.hands import Call, Hand, Wire
from sandbox.simulation import platforms
from sandbox.testing import Sandbox

API, CONTROL = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
CONSOLE = "http://127.0.0.1:9/"  # nobody listens there
Json = dict[str, Any]


class World:
    """Answers what a sandbox would, as far as a page needs it, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.order: Json = {}
        self.refuses = ""

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        path, content = urlsplit(url).path, json.loads(body) if body else None
        self.asked.append((method, url, content))
        if self.refuses and self.refuses in path:
            return 409, b'{"code": "no"}'
        return 200, json.dumps(self._answer(method, path, content)).encode()

    def _answer(self, method: str, path: str, content: Any) -> Any:
        if path == "/token":
            return {"access_token": "secret-token"}
        if path == "/clock":
            return {"now": 1_796_000_000.0}
        if path == "/inbox":
            return [
                {"kind": "receipt", "at": 1_796_000_001.0, "printer": "counter", "text": "DESK-0001 <b>¥88</b>"},
                {"kind": "message", "at": 1_796_000_002.0, "data": {"thing": "of another order"}},
            ]
        if path.endswith("/payments"):
            return {"client": {"code_url": "weixin://wxpay/x"}, "order": {}}
        if path.endswith("/explanation"):
            step = {
                "at": "2026-11-30T01:14:56Z",
                "why": "<script>alert(1)</script>",
                "trust": "signed",
                "key_id": "K123456",
            }
            return {"summary": "Paid & <good>", "steps": [step], "next": [{"text": "ship it", "at": None}]}
        if path.startswith("/orders/"):
            return self.order
        return {"deliveries": [{"status": 204}], "status": 401}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Json]]:
    found = {}
    for platform in platforms():
        found[platform] = importlib.import_module(f"sandbox.simulators.{platform}").Simulator.throwaway_accounts()
    return found


@pytest.fixture
def shown(world: World, documents: dict[str, dict[str, Json]]) -> Desk:
    return Desk(Wire(API, CONTROL, world.send), documents, CONSOLE)


def click(shown: Desk, do: str, **more: str) -> dict[str, str]:
    """Press a button; returns what the page that follows is asked for."""
    body = urlencode({"do": do, "lang": "en", "at": "wechat-shop", **more}).encode()
    status, headers, _ = shown.handle("POST", "/desk/do", "", {}, body)
    assert status == 303
    return {name: values[0] for name, values in parse_qs(urlsplit(headers["Location"]).query).items()}


def look(shown: Desk, **asked: str) -> str:
    status, _, text = shown.handle("GET", "/", urlencode(asked), {}, b"")
    assert status == 200
    return text.decode()


def test_every_platform_and_cashier_that_exists_can_be_bought_at(shown: Desk) -> None:
    sells = {counter.platform for counter in shown.counters.values()}

    assert sells == set(platforms()) - {"merchant", "printers"}
    labels = " ".join(counter.label for counter in shown.counters.values())
    for name in ("WeChat v3", "WeChat v2", "BigCommerce · hc1", "BigCommerce · stripe", "BigCommerce · wechat_native"):
        assert name in labels
    assert all(counter.troubles for counter in shown.counters.values())


def test_a_platform_brings_its_counters_beside_its_simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "__init__.py").touch()
    source = """
from sandbox.desk.counters import Counter, plain

def counters(documents):
    return plain(documents, "made_up", Counter, lambda name, _: f"Made up: {name}")
"""
    (tmp_path / "made_up" / "counter.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(simulators, "__path__", [*simulators.__path__, str(tmp_path)])

    found = counters.of({"made_up": {"main": {"key": "secret"}}})

    assert {name: counter.label for name, counter in found.items()} == {"made_up-main": "Made up: main"}


def test_counters_know_nothing_secret_of_their_accounts(shown: Desk) -> None:
    kept = {name for counter in shown.counters.values() for name in counter.document}

    assert kept <= {"name", "api", "system", "api_version", "app", "cashier", "origin", "wechat"}


def test_buying_shows_the_code_the_order_and_the_curl(shown: Desk, world: World) -> None:
    world.order = {"status": "pending", "amount": {"minor": 8800, "currency": "CNY"}}
    asked = click(shown, "buy.oolong")
    text = look(shown, **asked)

    assert asked["order"] == "wechat/shop/DESK-0001"
    assert "<svg" in text
    assert 'data-status="pending"' in text
    assert "¥88.00" in text
    assert "make -s token PORT=8080" in text
    assert "secret-token" not in text


def test_what_others_wrote_is_text_on_the_page_and_never_markup(shown: Desk, world: World) -> None:
    world.order = {"status": "paid", "paid": {"minor": 8800, "currency": "CNY"}}
    text = look(shown, **click(shown, "buy.oolong"))

    assert "&lt;script&gt;alert(1)" in text
    assert text.count("<script") == 1  # its own file
    assert "<b>¥88</b>" not in text
    assert "of another order" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_speaks_both_languages_and_runs_nothing_of_its_own_text(shown: Desk, language: str) -> None:
    status, headers, text = shown.handle("GET", "/", f"lang={language}", {}, b"")

    assert status == 200
    assert words.say(language, "trouble") in text.decode()
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert not re.search(r' (style|on[a-z]+)="', text.decode())
    assert "same-origin" in headers["Referrer-Policy"], "without it a form's Origin is null, which is refused"


def test_a_browser_that_speaks_chinese_is_spoken_to_in_chinese(shown: Desk) -> None:
    _, _, text = shown.handle("GET", "/", "", {"accept-language": "zh-CN,zh;q=0.9"}, b"")

    assert '<html lang="zh-CN">' in text.decode()


def test_a_refusal_is_told_and_nothing_breaks(shown: Desk, world: World) -> None:
    world.refuses = "/wechat/shop/payments"
    text = look(shown, **click(shown, "buy.cup"))

    assert "Refused: 409" in text
    assert "Buy something first" in text


@pytest.mark.parametrize("do", ["", "buy.yacht", "trouble.none", "time.1", "pay", "time.600x"])
def test_a_button_that_is_none_does_nothing(shown: Desk, world: World, do: str) -> None:
    click(shown, do)

    assert world.asked == []


def test_trouble_for_an_order_that_was_paid_already_buys_another(shown: Desk, world: World) -> None:
    world.order = {"status": "pending"}
    first = click(shown, "buy.oolong")["order"]
    same = click(shown, "trouble.forge", order=first)["order"]
    lost = click(shown, "trouble.lost", order=same)["order"]
    other = click(shown, "trouble.five", order=lost)["order"]

    assert (same, lost) == (first, first)
    assert other != first
    assert "Another one was bought" in look(shown, order=other)


def test_going_to_the_console_ends_the_session_of_whoever_was_there(shown: Desk, world: World) -> None:
    status, headers, _ = shown.handle("POST", "/desk/do", "", {}, b"do=as.bob")

    assert (status, headers["Location"]) == (303, CONSOLE)
    assert headers["Set-Cookie"].startswith("__Host-cs=; ")
    assert "Max-Age=0" in headers["Set-Cookie"]
    assert ("POST", f"{CONTROL}/issuer/next", {"person": "bob"}) in world.asked
    assert "form-action 'self' http://127.0.0.1:9;" in headers["Content-Security-Policy"]


def test_time_passes_by_its_buttons(shown: Desk, world: World) -> None:
    click(shown, "time.86400")

    assert ("POST", f"{CONTROL}/clock", {"advance": 86_400}) in world.asked


def test_a_refund_is_asked_for_by_one_person_and_approved_by_another(world: World) -> None:
    hand = Hand(Wire(API, CONTROL, world.send))
    bought = hands.Bought("wechat-shop", "wechat", "shop", "O 1/2", "Tea", 8800, "CNY")
    world.order = {"status": "paid"}
    world._answer = lambda *_: {"access_token": "t", "refund_id": "r1"}  # type: ignore[method-assign]
    troubles.approve(hand, bought, troubles.ask_refund(hand, bought, 100, "why"))

    subjects = [content["subject"] for _, url, content in world.asked if url.endswith("/token")]
    assert subjects == ["ann", "bob"]
    assert hand.calls[0].url == f"{API}/orders/wechat/shop/O%201%2F2/refunds"
    assert "SUBJECT=ann" in hand.calls[0].curl()


def test_curl_says_exactly_what_was_sent() -> None:
    body = {"text": "it's 奶茶 & $HOME `id`"}
    call = Call("POST", f"{API}/x?a=1&b=2", ("content-type: application/json",), body, 200)

    told = shlex.split(call.curl())
    assert told[told.index("-d") + 1] == json.dumps(body, ensure_ascii=False)
    assert f"{API}/x?a=1&b=2" in told
    assert "-X DELETE" in Call("DELETE", API, (), None, 200).curl()
    assert "-X POST" in Call("POST", API, (), None, 200).curl()


def _codes() -> set[str]:
    """Find the codes of words that the desk's sources name."""
    found: set[str] = set()
    for source in Path(desk.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("say", "word") and node.args:
                found |= {one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)}
    return {code for code in found if isinstance(code, str)}


def test_every_word_is_there_in_both_languages_with_the_same_places() -> None:
    for english, chinese in words.WORDS.values():
        assert english and chinese
        assert fields(english) == fields(chinese)
    spoken = {f"said.{kind}" for kind in ("forge", "stale", "other_merchant")}
    assert (_codes() | spoken) - {"said."} <= set(words.WORDS)


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_button_and_answer_has_a_word(shown: Desk) -> None:
    for counter in shown.counters.values():
        assert counter.pays in words.WORDS
        for trouble in counter.troubles:
            assert trouble.id in words.WORDS, trouble.id


def test_an_old_signature_is_no_trouble_of_the_older_api(shown: Desk) -> None:
    offered = {at: [one.id for one in shown.counters[at].troubles] for at in ("wechat-shop", "wechat-classic")}

    assert "stale" in offered["wechat-shop"]
    assert "stale" not in offered["wechat-classic"]


def test_thirty_orders_are_sown_at_accounts_that_exist(shown: Desk) -> None:
    plans = [at for at, _ in seed.PLANS]

    assert len(plans) == 30
    assert set(plans) <= set(shown.counters)
    # What a platform brings beside its simulator is bought at, and sown by nobody.
    ours = [counter for counter in shown.counters.values() if type(counter).__module__ == counters.__name__]
    assert {shown.counters[at].platform for at in plans} == {counter.platform for counter in ours}


def test_sowing_where_accounts_are_others_says_so(world: World) -> None:
    told = seed.sow(Desk(Wire(API, CONTROL, world.send), {}, CONSOLE))

    assert told.startswith("0 orders are there")
    assert "wechat-shop: there is no such account" in told
    assert world.asked == []


def test_amounts_and_times_are_written_as_people_read_them() -> None:
    assert page.money(123_456, "CNY") == "¥1,234.56"
    assert page.moment(0) == "1970-01-01 08:00:00"
    assert counters.GOODS[0].minor == 8800


def test_the_first_line_of_a_run_is_what_to_open(capsys: pytest.CaptureFixture[str]) -> None:
    class Running:
        api_url, control_url, console_url, port = API, CONTROL, "http://127.0.0.1:8082", 8080
        state = supervisor.ROOT / ".sandbox" / "8080"

    supervisor._greet(Running(), {"wechat": ["shop"], "printers": [], "merchant": []})  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == f"Open {CONTROL}/  — buy something, break something, watch it be explained"
    assert not any("none" in line for line in lines)
    assert any("printers, merchant" in line for line in lines)


@pytest.mark.parametrize("path", ["/", "/desk/desk.css", "/desk/desk.js"])
def test_a_running_sandbox_serves_the_page_to_this_machine_alone(small: Sandbox, path: str) -> None:
    own, foreign = small.page("GET", path), small.page("GET", path, headers={"Host": "rebound.example.com"})

    assert (own.status, foreign.status) == (200, 403)
    assert "default-src 'none'" in own.headers["content-security-policy"]


def test_no_page_of_another_origin_presses_a_button(small: Sandbox) -> None:
    before = small.clock()
    form = {"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example.com"}

    assert small.page("POST", "/desk/do", b"do=time.86400", form).status == 403
    assert small.clock() < before + 3600
    assert small.page("GET", "/desk/../control.py").status == 404


Sender = Callable[[str, str, dict[str, str], bytes | None], tuple[int, bytes]]


def test_a_side_that_is_not_there_is_no_answer_and_no_crash() -> None:
    send: Sender = desk.sender(timeout=1)

    assert send("GET", CONSOLE, {}, None)[0] == 599
