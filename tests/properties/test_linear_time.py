"""What a stranger sends costs CPU in proportion to its length: every reader that stands before a signature or a rule.

The verdict is CPU time of this process, never time on the wall: other processes may take the machine as they like.
"""

import gc
import importlib
import itertools
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import time_machine

from countersign.errors import CountersignError
from countersign.http import read_head, read_json, read_request
from countersign.platforms.wechat import xml
from countersign.signing.encoding import from_base64, from_canonical_base64
from tests.functions.conftest import NOW, ROOT, http_event
from tests.infra.reading import callbacks, snake

SIZES = (16 * 1024, 32 * 1024, 64 * 1024)
GROWTH = 3  # a doubling costs twice as much where a reader is linear, four times where it is quadratic
BEST_OF = 5
# CPU seconds that 64 KB may cost without a look at the growth: a quadratic reader takes seconds for them, and what is
# shorter than this is mostly noise.
CHEAP = 0.004

Event = dict[str, Any]
Reader = Callable[[str], Any]


class Family(NamedTuple):
    """Texts of one kind: a beginning, units that repeat in turn or one after the other, and an end."""

    start: str
    units: tuple[str, ...]
    end: str
    blocks: bool = False  # all of the first unit, then all of the next

    def text(self, size: int) -> str:
        """Return the text of at most `size` bytes; `#` in a unit counts up, so that names differ."""
        room = size - len((self.start + self.end).encode())
        whole = "".join(self.units)
        if "#" in whole:
            made, number = [], 0
            while room > 0:
                made.append(whole.replace("#", str(number)))
                number += 1
                room -= len(made[-1].encode())
            return self.start + "".join(made[:-1]) + self.end
        count = room // len(whole.encode())
        body = "".join(unit * count for unit in self.units) if self.blocks else whole * count
        return self.start + body + self.end


class Language(NamedTuple):
    """What texts of a language begin, go on and end with, where a reader of it may lose its way."""

    starts: tuple[str, ...]
    units: tuple[str, ...]
    ends: tuple[str, ...]

    def families(self, pairs: int = 150) -> Iterator[Family]:
        """Yield every unit by itself between every start and end, and `pairs` of two units, always the same ones."""
        for start, unit, end in itertools.product(self.starts, self.units, self.ends):
            yield Family(start, (unit,), end)
        chosen = random.Random(20261122)
        for _ in range(pairs):
            start, end = chosen.choice(self.starts), chosen.choice(self.ends)
            yield Family(start, (chosen.choice(self.units), chosen.choice(self.units)), end, chosen.random() < 0.5)


# fmt: off
COMMON = ("a", "9", " ", "\n", "\t", ",", "%", "%41", "&", "=", "+", "-", ".", "/", "\\", '"', "'", ":", ";", "é", "😀")
JSON = Language(
    starts=("", '"', '{"a":"', "[" * 33 + '"', "{" * 33 + '"', "[", '{"a":', "-", "1e", "0."),
    units=(
        *COMMON, '\\"', "\\\\", "\\u0041", "\\ud800", '""', '"a"', '"a":', '"#":1,', '{"a":', "[", "{", "]", "}",
        "[],", "{},", "1,", '"a" ', '"\n', "null,", "1.5e9,", "9" * 300 + ",",
    ),
    ends=("", '"', '"}'),
)
XML = Language(
    starts=("", "<xml>", "<xml><a>", "<xml><a><![CDATA[", "<xml><", '<?xml version="1.0"', "<xml><a", "<xml><a>&#"),
    units=(
        *COMMON, "<a>", "</a>", "<a></a>", "<a/>", "<a#>b</a#>", "<a#><b>", "<a#>", "]", "]]", "]]>", "<![CDATA[",
        "]]]]><![CDATA[>", "<![CDATA[]]>", "<a><![CDATA[", "&amp;", "&#65;", "&#x41;", "&a;", "<", ">", "\r", "\r\n",
        ' a="b"', "<!--", "-->", "<?", '<!ENTITY a "b">', "\x00", "\ufffe",
    ),
    ends=("", "</xml>", "]]></a></xml>"),
)
WORDS = Language(
    starts=("", "a", "/", "%", '"'),
    units=(
        *COMMON, "_", "A", "==", "%2", "%2F", "%zz", "../", "//", "?", "(", "{", "[", "~", "\r\n", "\x00", "a=b&", "a,",
    ),
    ends=("", "=", "!", "\n"),
)
# fmt: on


def cost(reader: Reader, text: str) -> float:
    """Return the CPU seconds of one reading; a refusal is a reading too."""
    began = time.process_time()
    with suppress(CountersignError):
        reader(text)
    return time.process_time() - began


def growth(reader: Reader, texts: list[str]) -> list[float]:
    """Return the factor of each doubling, best of five.

    The sizes take turns, so that what slows the machine down for a while slows all of them.
    """
    rounds = [[cost(reader, text) for text in texts] for _ in range(BEST_OF)]
    best = [min(costs) for costs in zip(*rounds, strict=True)]
    return [after / max(before, CHEAP / GROWTH) for before, after in itertools.pairwise(best)]


def is_steep(reader: Reader, family: Family) -> bool:
    """Tell whether the cost grows faster than the length; what seems to is measured again before it is believed."""
    longest = family.text(SIZES[-1])
    if cost(reader, longest) < CHEAP:
        return False
    texts = [*(family.text(size) for size in SIZES[:-1]), longest]
    return all(max(growth(reader, texts)) >= GROWTH for _ in range(3))


def steep(reader: Reader, language: Language, pairs: int = 150) -> list[Family]:
    """Return the families whose cost grows faster than their length."""
    families = list(language.families(pairs))
    gc.collect()  # of what tests left behind: what was there when they were collected is frozen (tests/conftest.py)
    gc.disable()
    try:
        cost(reader, families[0].text(SIZES[0]))  # what is made once is made now
        return [family for family in families if is_steep(reader, family)]
    finally:
        gc.enable()


def request_event(body: str = "", **members: Any) -> Event:
    """Return a callback as API Gateway hands it over."""
    headers = members.pop("headers", {})
    return {
        **http_event("POST", "/wechat/{account}/notify", {"account": "shop"}, headers=headers),
        "body": body,
        **members,
    }


def headers_read(text: str) -> None:
    """Read one long header, many headers, and one that may be sent once."""
    read_head(request_event(headers={"x-long": text}, multiValueHeaders={"x-long": [text]}))
    read_head(request_event(headers=dict.fromkeys(text.split(","), "1")))
    read_head(request_event(headers={"x-long": text})).header("x-long")


READERS: dict[str, tuple[Reader, Language]] = {
    "json": (lambda text: read_json(text.encode()), JSON),
    "xml": (lambda text: xml.read(text.encode()), XML),
    "xml nested": (lambda text: xml.read_nested(text.encode()), XML),
    "base64": (from_base64, WORDS),
    "canonical base64": (from_canonical_base64, WORDS),
    "body": (lambda text: read_request(request_event(text), limit=2 * SIZES[-1]), WORDS),
    "body in base64": (
        lambda text: read_request(request_event(text, isBase64Encoded=True), limit=2 * SIZES[-1]),
        WORDS,
    ),
    "headers": (headers_read, WORDS),
}


@pytest.mark.parametrize("name", READERS)
def test_C6_a_reader_costs_cpu_in_proportion_to_what_it_reads(name: str) -> None:
    reader, language = READERS[name]

    assert steep(reader, language) == []


def test_a_reader_that_begins_anew_at_every_quote_is_found() -> None:
    begins_anew = re.compile(r'"(?:[^"\\]|\\.)*+"')
    family = Family("[" * 33 + '"', ('\\"',), "")

    # Shorter than what strangers may send, for it takes seconds for that.
    factors = growth(lambda text: begins_anew.sub("", text), [family.text(size) for size in (1024, 2048, 4096)])

    assert all(factor > GROWTH for factor in factors)


PUSH, ORDER = "/wechat/{account}/push", "/orders/{platform}/{account}/{order_id}"
ACCOUNT = {"account": "stranger"}
DOORS = [snake(name) for name in callbacks()]
CASHIER = "hc1"  # the one whose messages sign the most
PUSH_QUERY = {"timestamp": str(NOW), "nonce": "1320562132", "signature": "00", "msg_signature": "00"}
SIGNED_V3 = {
    "wechatpay-timestamp": str(NOW),
    "wechatpay-nonce": "YbGh7l7i5gxExeE8",
    "wechatpay-serial": "PUB_KEY_ID_0119000990019893326148984880",
    "wechatpay-signature": "AAAA",
}
SIGNED_TRADE = {"byte-timestamp": str(NOW), "byte-nonce-str": "1", "byte-signature": "AAAA"}


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Event], Event]]:
    """Return what calls a function; its account is in its memory, and nothing else is behind it."""
    for function in DOORS:
        platform = function.partition("_")[0]
        room = f"cashiers.{CASHIER}" if platform == "cashier" else f"platforms.{platform}"
        settings = importlib.import_module(f"countersign.{room}.settings")
        folder = ROOT / "tests" / "accounts" / platform / (CASHIER if platform == "cashier" else "")
        fullest = max(folder.glob("*.json"), key=lambda path: path.stat().st_size)
        loaded = settings.load(json.loads(fullest.read_text("utf-8")))
        module = importlib.import_module(f"functions.{function}.app")
        known = "accounts" if hasattr(module, "accounts") else "apps"
        memory = SimpleNamespace(load=lambda _name, loaded=loaded: loaded)
        monkeypatch.setattr(module, known, {CASHIER: memory} if platform == "cashier" else memory)
    context = SimpleNamespace(function_name="f", aws_request_id="id", get_remaining_time_in_millis=lambda: 60_000)

    def call(function: str, event: Event) -> Event:
        answer: Event = importlib.import_module(f"functions.{function}.app").lambda_handler(event, context)
        assert answer["statusCode"] < 500, answer
        return answer

    with time_machine.travel(NOW, tick=False):
        yield call


def ecpay(**members: str) -> str:
    outer = {"timestamp": str(NOW), "nonce": "4711", "msg": "{}", "msg_signature": "0" * 40, "type": "payment"}
    return json.dumps(outer | members, ensure_ascii=False)


def to_push(body: str = "{}", method: str = "POST", **query: str) -> Event:
    return {**http_event(method, PUSH, ACCOUNT), "body": body, "queryStringParameters": PUSH_QUERY | query}


def to_order(text: str, tail: str = "", **members: Any) -> Event:
    names = {"platform": "wechat", "account": "shop", "order_id": text.replace("/", "%2F")}
    return http_event("POST" if tail else "GET", ORDER + tail, names, **members)


def to_list(path: str, **query: str) -> Event:
    return http_event("GET", path, {}, queryStringParameters=query)


Way = tuple[str, Callable[[str], Event], Language]
# Each way into each open function, and into those of the merchant API that are read before anything is looked up.
WAYS: dict[str, Way] = {
    "notify v3": ("wechat_notify", lambda text: request_event(text, headers=SIGNED_V3), JSON),
    "notify v2": ("wechat_notify", request_event, XML),
    "push json": ("wechat_push", to_push, JSON),
    "push xml": ("wechat_push", to_push, XML),
    "push sealed": ("wechat_push", lambda text: to_push(json.dumps({"Encrypt": text})), WORDS),
    "push check of the URL": ("wechat_push", lambda text: to_push(method="GET", echostr=text), WORDS),
    "ecpay": ("douyin_callback", request_event, JSON),
    "ecpay message": ("douyin_callback", lambda text: request_event(ecpay(msg="{" + text + "}")), JSON),
    "trade": ("douyin_callback", lambda text: request_event(text, headers=SIGNED_TRADE), JSON),
    "path of an order": ("orders_api", to_order, WORDS),
    "path of nothing": ("orders_api", lambda text: http_event("GET", f"/{text}", {}), WORDS),
    "cursor of orders": ("orders_api", lambda text: to_list("/orders", account="wechat/shop", cursor=text), WORDS),
    "cursor of refunds": ("orders_api", lambda text: to_list("/refunds", cursor=text), WORDS),
    "header of the merchant API": (
        "decisions_api",
        lambda text: to_order("1", "/refunds", headers={"idempotency-key": text + "a" * 300}, body="{}"),
        WORDS,
    ),
}


def _one_by_one() -> Iterator[tuple[str, Way]]:
    """Yield every signed parameter, header and field, each long by itself."""
    for name in PUSH_QUERY:
        yield f"push {name}", ("wechat_push", lambda text, name=name: to_push(**{name: text}), WORDS)
    for name in ("timestamp", "nonce", "msg", "msg_signature", "type"):
        yield f"ecpay {name}", ("douyin_callback", lambda text, name=name: request_event(ecpay(**{name: text})), WORDS)
    for function, headers in (("wechat_notify", SIGNED_V3), ("douyin_callback", SIGNED_TRADE)):
        for name in headers:

            def signed(text: str, headers: dict[str, str] = headers, name: str = name) -> Event:
                return request_event("{}", headers=headers | {name: text})

            yield name, (function, signed, WORDS)


def _of_events() -> Iterator[tuple[str, Way]]:
    """Yield the ways through doors that nothing above knows more of: a sample event's body, and each of its headers."""
    for function in sorted(set(DOORS) - {way[0] for way in WAYS.values()}):
        (path, *_) = sorted((ROOT / "events" / function.partition("_")[0]).glob(f"{function}.*.json"))
        event = json.loads(path.read_text("utf-8"))
        event |= {"isBase64Encoded": False, "body": event["body"] + " "}  # nobody signed this: nothing is recorded

        def body(text: str, event: Event = event) -> Event:
            return event | {"body": text}

        for kind, language in (("json", JSON), ("xml", XML)):
            yield f"{function} {kind}", (function, body, language)
        for name in event["headers"]:

            def header(text: str, event: Event = event, name: str = name) -> Event:
                return event | {"headers": event["headers"] | {name: text}}

            yield f"{function} {name}", (function, header, WORDS)


WAYS.update(_one_by_one())
WAYS.update(_of_events())


def test_every_door_that_a_platform_calls_at_is_tried() -> None:
    assert {way[0] for way in WAYS.values()} >= {*DOORS}


@pytest.mark.parametrize("name", WAYS)
def test_C6_an_open_door_costs_cpu_in_proportion_to_what_comes_through(
    name: str, invoke: Callable[[str, Event], Event], capsys: pytest.CaptureFixture[str]
) -> None:
    function, made, language = WAYS[name]

    # The readers behind the doors were tried with every family; here each start, unit and end comes once or twice.
    few = Language(language.starts[:4], language.units, language.ends[:1])
    assert steep(lambda text: invoke(function, made(text)), few, pairs=30) == []
    assert capsys.readouterr().out  # every call was answered, and said so
