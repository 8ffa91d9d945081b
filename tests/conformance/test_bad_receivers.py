"""The kit tests itself: a receiver that is right passes, each of twelve mistakes fails its own cases and no other."""

import pytest

from conformance.engine import Run
from conformance.platforms import PLATFORMS
from conformance.receivers.reference import MISTAKES, Receiver, serving
from conformance.report import verdict
from conformance.wire import Target
from tests.conformance.kit_keys import keys, settling

NOTHING_CHECKED = {
    *(f"forged.{name}" for name in (
        "key", "envelope", "unsigned", "bare", "empty", "serial", "timestamp", "nonce", "swapped", "twice", "probe",
        "other_body",
    )),
    "fresh.old", "fresh.ahead",
}  # fmt: skip
# The platform on which a mistake is made, and what it fails: exactly this.
FAILS: dict[str, tuple[str, set[str]]] = {
    "no signature check": ("wechat", NOTHING_CHECKED),
    "prefix compare": ("wechat-v2", {"forged.short"}),
    "parsed before verified": ("wechat", {"genuine.spelling"}),
    "no freshness": ("wechat", {"fresh.old", "fresh.ahead"}),
    "dedupe by envelope id": ("wechat", {"state.envelope"}),
    "200 before write": ("wechat", {"fire.kill", "fire.store"}),
    "amount unchecked": ("wechat", {"state.less", "state.more"}),
    "refund notice believed": ("wechat-v2", {"state.refund_hint"}),
    "XXE on": ("wechat-v2", {"forged.doctype"}),
    "stack trace leaked": ("wechat", {"answers.leak"}),
    "other merchant accepted": ("wechat", {"forged.merchant", "state.refund_other"}),
    "500 on garbage": (
        "wechat-v2",
        {*(f"garbage.{name}" for name in ("large", "bytes", "deep", "empty", "list")), "answers.errors"},
    ),
}


def played(name: str, mistake: str = "", *, seed: int = 1) -> Run:
    """Play a platform at level 3 against a receiver with one mistake."""
    platform = PLATFORMS[name](keys(name))
    receiver = Receiver(name, platform.values(), mistake)
    with serving(receiver) as url:
        run = Run(platform, Target(url), receiver, level=3, name="ABC", settle=settling(mistake), seed=seed)
        run.play()
    return run


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_a_receiver_that_is_right_has_every_point_at_level_3(name: str) -> None:
    told = verdict(played(name))

    assert [case["id"] for case in told["cases"] if case["outcome"] != "pass"] == []
    assert (told["grade"], told["points"]) == ("A", told["full"])


@pytest.mark.parametrize("mistake", FAILS)
def test_a_mistake_fails_its_own_cases_and_keeps_the_rest(mistake: str) -> None:
    name, expected = FAILS[mistake]

    results = played(name, mistake).results

    assert {one.case.id for one in results if one.outcome == "fail"} == expected
    assert {one.outcome for one in results if one.case.id not in expected} == {"pass"}


def test_every_mistake_that_a_receiver_can_be_told_to_make_is_tried() -> None:
    assert set(FAILS) == set(MISTAKES)
