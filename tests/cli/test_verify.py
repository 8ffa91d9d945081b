"""`countersign verify`: for each request that is refused, which step refused it and why, by the product's own code."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from countersign_cli import texts, times
from countersign_cli.verifying import judge
from tests.cli.vectors import Case, cases
from tests.infra.reading import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Fakes

ALL = cases()
REFUSED = [case for case in ALL if not case.taken]
# The platforms' own documents print these keys, so no account may have them.
PRINTED = {
    "push-official-doc-sample-json-secure-mode",
    "push-official-url-verification",
    "oauth-pub-04-known-doc-style",
}
TAKEN = [case for case in ALL if case.taken and case.name not in PRINTED]
EVENTS = ROOT / "events" / "wechat"
NOON = 1795328845
SHOP = ROOT / "tests" / "accounts" / "wechat" / "shop.json"


def run(fakes: Fakes, case: Case, folder: Path, *more: str) -> Any:
    for name, content in (("account", case.document), ("request", case.request), ("store", case.store)):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    where = [
        "--account",
        str(folder / "account"),
        "--request",
        str(folder / "request"),
        "--store",
        str(folder / "store"),
    ]
    door = ["--door", case.door] if case.door else []
    return fakes.run("verify", case.platform, *where, "--at", times.iso(case.at), *door, *more, sandbox=False)


def test_refused_requests_of_all_five_platforms_and_of_the_cashiers_are_looked_at() -> None:
    counted = Counter(case.platform for case in REFUSED)

    assert counted == {
        "wechat": 29,
        "douyin": 17,
        "recharge": 13,
        "shopify": 23,
        "bigcommerce": 55,
        "hc1": 20,
        "stripe": 5,
    }


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.platform}:{case.name}")
def test_the_reason_of_a_refused_vector_is_named(fakes: Fakes, case: Case, tmp_path: Path) -> None:
    result = run(fakes, case, tmp_path, "-o", "json")
    verdict = json.loads(result.stdout)
    failed = [step for step in verdict["steps"] if step["outcome"] == judge.BAD]

    assert (result.exit_code, verdict["taken"]) == (1, False)
    assert verdict["error"]
    assert verdict["reason"]
    assert [step["reason"] for step in failed].count(verdict["reason"]) == 1
    assert any(code.startswith("advice.") for code in verdict["advice"])
    assert fakes.asked == []  # offline


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: f"{case.platform}:{case.name}")
def test_what_the_product_takes_is_said_to_be_taken(fakes: Fakes, case: Case, tmp_path: Path) -> None:
    verdict = json.loads(run(fakes, case, tmp_path, "-o", "json").stdout)

    assert verdict["taken"], verdict


def test_keys_that_the_platforms_print_in_their_documents_are_the_documents_fault(fakes: Fakes, tmp_path: Path) -> None:
    printed = [case for case in ALL if case.name in PRINTED]

    assert {case.name for case in printed} == PRINTED
    for case in printed:
        verdict = json.loads(run(fakes, case, tmp_path, "-o", "json").stdout)
        assert (verdict["error"], verdict["steps"][0]["step"]) == ("KeysUnavailableError", "keys")


def events(fakes: Fakes, name: str, *more: str) -> Any:
    where = ["--account", str(SHOP), "--request", str(EVENTS / name)]
    return fakes.run("verify", "wechat", *where, "--at", times.iso(NOON), *more, sandbox=False)


def test_an_old_message_is_looked_at_as_if_it_had_just_come(fakes: Fakes) -> None:
    lines = events(fakes, "wechat_notify.stale.json").stdout.splitlines()

    assert lines[:3] == [
        "✓ it has the form that the platform promises",
        "✗ it was signed near the time of arrival: signed too long ago: 301 s before the time of arrival",
        "✓ its key is known here",
    ]
    assert lines[-2].startswith("→ StaleTimestampError (HTTP 401): signed too long ago")


def test_what_lies_behind_a_wrong_signature_is_not_claimed(fakes: Fakes) -> None:
    verdict = json.loads(events(fakes, "wechat_notify.tampered.json", "-o", "json").stdout)

    assert {step["step"]: step["outcome"] for step in verdict["steps"]} == {
        "shape": "good",
        "time": "good",
        "key": "good",
        "signature": "bad",
        "seal": "not_reached",
        "owner": "not_reached",
        "content": "not_reached",
    }


def test_what_is_taken_is_0_by_which_key(fakes: Fakes) -> None:
    good = events(fakes, "wechat_notify.paid-v3.json")

    assert (good.exit_code, good.stdout.splitlines()[-1]) == (0, "→ taken, by PUB_KEY_ID_0119000990019893326148984880")


def test_what_nothing_signs_is_taken_as_a_hint(fakes: Fakes) -> None:
    request = EVENTS / "wechat_notify.refund-v2-hint.json"
    where = ["--account", str(SHOP.with_name("classic.json")), "--request", str(request), "--at", times.iso(NOON)]

    assert "only as a hint" in fakes.run("verify", "wechat", *where, sandbox=False).stdout


def test_a_genuine_message_that_cannot_be_read_is_no_refusal_and_is_found(fakes: Fakes) -> None:
    request = ROOT / "events" / "recharge" / "recharge_webhook.unreadable.json"
    index = json.loads(request.with_name("index.json").read_text(encoding="utf-8"))
    account = ROOT / "tests" / "accounts" / "recharge" / "store.json"
    where = ["--account", str(account), "--request", str(request), "--at", times.iso(index[request.name]["now"])]

    result = fakes.run("verify", "recharge", *where, sandbox=False)

    assert result.exit_code == 1
    assert "kept in quarantine" in result.stdout


def http_form(event: dict[str, Any], body: bytes) -> bytes:
    head = [f"POST {event['rawPath']} HTTP/1.1", *(f"{name}: {value}" for name, value in event["headers"].items())]
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda body: body, []),
        (lambda body: body + b"\n", ["hint.length", "hint.last_break", "advice.signature"]),
        (lambda body: b"\xef\xbb\xbf" + body, ["hint.length", "hint.bom", "advice.signature"]),
        (lambda body: body.replace(b"paid", b"PAID", 1) + b" ", ["hint.length", "advice.signature"]),
    ],
)
def test_what_the_way_did_to_the_bytes_is_told(fakes: Fakes, tmp_path: Path, change: Any, advice: list[str]) -> None:
    event = json.loads((EVENTS / "wechat_notify.paid-v3.json").read_text(encoding="utf-8"))
    body = event["body"].encode()
    event["headers"]["content-length"] = str(len(body))
    (tmp_path / "captured.http").write_bytes(http_form(event, change(body)))
    where = ["--account", str(SHOP), "--request", str(tmp_path / "captured.http"), "--at", times.iso(NOON)]

    verdict = json.loads(fakes.run("verify", "wechat", *where, "-o", "json", sandbox=False).stdout)

    assert verdict["advice"] == advice


def test_a_request_comes_from_standard_input_too(fakes: Fakes) -> None:
    text = (EVENTS / "wechat_notify.paid-v3.json").read_text(encoding="utf-8")
    where = ["--account", str(SHOP), "--request", "-", "--at", times.iso(NOON)]

    assert fakes.run("verify", "wechat", *where, given=text, sandbox=False).exit_code == 0


@pytest.mark.parametrize("text", ["", "no request", "[1]", '{"requestContext": 1}', "POST /x HTTP/1.1\r\na: b"])
def test_what_is_no_request_is_misuse(fakes: Fakes, text: str) -> None:
    where = ["--account", str(SHOP), "--request", "-"]

    assert fakes.run("verify", "wechat", *where, given=text, sandbox=False).exit_code == 2


def test_no_secret_of_the_document_is_printed(fakes: Fakes, tmp_path: Path) -> None:
    for case in ALL[::7]:
        printed = run(fakes, case, tmp_path).output
        held = [text for text in judge_texts(case.document) if len(text) > 15 and not text.startswith("PUB_KEY_ID")]
        assert not [text for text in held if text in printed]


def judge_texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for member in members for text in judge_texts(member)]


def test_each_step_and_advice_has_its_sentences() -> None:
    steps = {step for doors in judge.doors.DOORS.values() for door in doors for step in door.ladder} | {judge.KEYS}

    assert {f"step.{step}" for step in steps} | {f"advice.{step}" for step in steps} <= texts.SENTENCES.keys()
