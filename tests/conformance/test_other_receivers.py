"""What the kit says of receivers that are not its own: each of the mistakes fails its own cases there too."""

import pytest

from conformance.engine import TRACES, Run
from conformance.platforms import PLATFORMS
from conformance.receivers.reference import serving
from conformance.wire import Target
from tests.conformance.kit_keys import keys, settling
from tests.conformance.others import OTHERS

UNSIGNED = {f"forged.{name}" for name in ("key", "unsigned", "empty", "short", "tail", "timestamp", "twice")}
OLD = {"fresh.old", "fresh.ahead"}
LOST = {"fire.kill", "fire.store"}
# A platform, a mistake, and what it fails: exactly this.
FAILS: list[tuple[str, str, set[str]]] = [
    ("stripe", "no signature check", {*UNSIGNED, *OLD, "forged.weaker", "forged.other_body"}),
    ("shopify", "prefix compare", {"forged.tail"}),
    ("recharge", "prefix compare", {"forged.tail"}),
    ("hc1", "prefix compare", {"forged.tail"}),
    ("stripe", "prefix compare", {"forged.tail"}),
    ("bigcommerce", "prefix compare", {"forged.tail"}),
    ("recharge", "parsed before verified", {"genuine.spelling"}),
    ("douyin", "parsed before verified", {"genuine.spelling"}),
    ("stripe", "no freshness", OLD),
    ("bigcommerce", "no freshness", OLD),
    ("douyin", "no freshness", OLD),
    ("shopify", "dedupe by envelope id", {"state.envelope"}),
    ("hc1", "dedupe by envelope id", {"state.envelope"}),
    ("recharge", "200 before write", LOST),
    ("douyin", "amount unchecked", {"state.less", "state.more"}),
    ("stripe", "amount unchecked", {"state.less", "state.more"}),
    ("shopify", "stack trace leaked", {"answers.leak"}),
    ("hc1", "other merchant accepted", {"forged.merchant"}),
    ("douyin", "other merchant accepted", {"forged.merchant"}),
    ("shopify", "500 on garbage", {"garbage.signed"}),
]


def failed(name: str, mistake: str = "") -> set[str]:
    platform = PLATFORMS[name](keys(name))
    receiver = OTHERS[name](platform.values(), mistake)
    level = 3 if mistake == "200 before write" else 2
    with serving(receiver) as url:
        run = Run(platform, Target(url), receiver, level=level, name="ABC", settle=settling(mistake))
        run.play()
    return {one.case.id for one in run.results if one.outcome == "fail"}


@pytest.mark.parametrize("name", OTHERS)
def test_a_receiver_that_somebody_else_wrote_rightly_fails_nothing(name: str) -> None:
    assert failed(name) == set()


@pytest.mark.parametrize(("name", "mistake", "expected"), FAILS, ids=[f"{one[0]}-{one[1]}" for one in FAILS])
def test_a_mistake_in_somebody_elses_receiver_fails_its_own_cases(name: str, mistake: str, expected: set[str]) -> None:
    assert failed(name, mistake) == expected


@pytest.mark.parametrize(
    "answer",
    [
        b'{"error": "  File \\"/srv/shop/app.py\\", line 12, in notify"}',
        b"<pre>  File &quot;/srv/shop/app.py&quot;, line 12, in notify</pre>",
        b'{"stack":"TypeError: x\\n    at notify (/srv/shop/server.js:12:5)"}',
        b"<pre>TypeError: x<br> &nbsp; &nbsp;at notify (/srv/shop/server.js:12:5)</pre>",
        b"Error\n    at notify (file:///srv/shop.mjs:12:5)\n",
        b"java.lang.NullPointerException\n\tat shop.Notify.post(Notify.java:12)",
        b"   at Shop.Notify.Post() in /srv/Notify.cs:line 12",
        b"/srv/shop/app.rb:12:in `notify'",
        b"goroutine 7 [running]:\nmain.notify()\n\t/srv/shop/main.go:12",
        b"PHP Warning: x in /srv/shop/notify.php on line 12",
        b"#0 /srv/shop/notify.php(12): notify()",
    ],
)
def test_a_stack_trace_is_known_in_whatever_it_is_written(answer: bytes) -> None:
    assert TRACES.search(answer)


@pytest.mark.parametrize(
    "answer",
    [b'{"code":"FAIL","message":"look at 12:30"}', b'{"detail":"no such file: a.py"}', b"come again at 9", b""],
)
def test_a_plain_sentence_is_no_stack_trace(answer: bytes) -> None:
    assert not TRACES.search(answer)
