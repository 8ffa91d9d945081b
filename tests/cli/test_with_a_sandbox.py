"""The command line before a whole sandbox, over HTTP only."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conformance.signers import stripe
from countersign_cli import exits
from countersign_cli.main import cli
from countersign_cli.options import Context
from sandbox.testing import ROOT, Sandbox, running_sandbox
from tests.infra.reading import LAYER
from tests.signing.keys import certificate_pem, private_key

Json = dict[str, Any]
MARK = f"countersign-mark-{uuid.uuid4().hex}"
NEW_KEY = "".join(f"n{number % 10}" for number in range(16))
SECRETS, TABLE = "countersign/sandbox/", "sandbox-OrdersTable"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        running.clock(frozen=True)
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Run:
    def command(*arguments: str, given: str | None = None) -> Result:
        end = time.monotonic() + 300
        while True:
            context = Context(environ={}, home=tmp_path)
            done = CliRunner().invoke(cli, [f"--sandbox={sandbox.port}", *arguments], obj=context, input=given)
            if done.exit_code != exits.UNAVAILABLE or time.monotonic() > end:  # what 6 says: try again
                return done

    return command


@pytest.fixture
def paid(sandbox: Sandbox, run: Run) -> str:
    """Return an order that was paid."""
    number = create(sandbox)
    run("trigger", "wechat", "paid", "--order", f"wechat/shop/{number}")
    becomes(sandbox, run, number, "paid")  # the first one found everything cold, and WeChat comes again
    return number


def becomes(sandbox: Sandbox, run: Run, number: str, status: str) -> None:
    end = time.monotonic() + 120
    for look in itertools.count(1):
        if json.loads(run("orders", "get", f"wechat/shop/{number}", "-o", "json").stdout)["status"] == status:
            return
        assert time.monotonic() < end
        if look % 5 == 0:
            sandbox.clock(advance=20)
        time.sleep(0.1)


def create(sandbox: Sandbox) -> str:
    number = f"CLI-{uuid.uuid4().hex[:12]}"
    body = {
        "order_id": number,
        "amount": {"minor": 8800, "currency": "CNY"},
        "description": "Milk tea",
        "payer": {"openid": "oPayer00000000000000000000001"},
    }
    headers = {"idempotency-key": uuid.uuid4().hex}
    token, end = sandbox.token("payments:write", expires_in=10**6), time.monotonic() + 120
    while True:
        answer = sandbox.api("POST", "/wechat/shop/payments", body, headers, token=token)
        if answer.status < 500 or time.monotonic() > end:  # under the same key it is the same order
            assert answer.status in (200, 201), answer.body
            return number
        time.sleep(0.5)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_explanation_is_the_apis_in_its_codes_and_words(
    sandbox: Sandbox, run: Run, paid: str, language: str
) -> None:
    told = json.loads(run("explain", paid, "--lang", language, "-o", "json").stdout)
    path = f"/orders/wechat/shop/{paid}/explanation?lang={language}"
    asked = sandbox.api("GET", path, token=sandbox.token("orders:read")).json()

    assert told["status"] == "paid"
    assert [step["reasons"] for step in told["steps"]] == [step["reasons"] for step in asked["steps"]]
    assert (told["summary"], told["steps"]) == (asked["summary"], asked["steps"])
    assert run("explain", paid, "--lang", language).exit_code == 0


def test_twenty_at_once_are_twenty_answers_and_one_transition(sandbox: Sandbox, run: Run, paid: str) -> None:
    number = create(sandbox)  # `paid` has warmed the function up: cold, some of twenty are told to come again
    result = run("trigger", "wechat", "paid", "--order", number, "--concurrent", "20", "-o", "json")
    told = json.loads(result.stdout)

    assert len(told["answers"]) == 20
    assert {one["status"] for one in told["answers"]} <= {204, 503}
    assert (told["after"], told["transitions"]) == ("paid", 1)


def test_what_a_thief_would_try_changes_nothing(sandbox: Sandbox, run: Run, paid: str) -> None:
    number = create(sandbox)
    for how in ("--forged", "--stale"):
        told = json.loads(run("trigger", "wechat", "paid", "--order", number, how, "-o", "json").stdout)
        assert [one["status"] for one in told["answers"]] == [401]
        assert (told["after"], told["transitions"]) == ("pending", 0)
    lines = [json.loads(line) for line in run("tail", "--once", "--problems", "-o", "json").stdout.splitlines()]
    assert {"InvalidSignatureError", "StaleTimestampError"} <= {line.get("error") for line in lines}


def test_one_person_asks_and_another_decides(run: Run, paid: str) -> None:
    result = run(
        "refunds", "ask", paid, "30.00", "--reason", "leaked", "--key", f"key-{paid}", "--as", "ann", "-o", "ids"
    )
    asked = result.stdout.strip()

    alone = run("refunds", "approve", asked, "--as", "ann")
    wrong = run("refunds", "approve", asked, "--as", "bob", "--amount", "31.00")
    assert (alone.exit_code, wrong.exit_code) == (4, 4)
    assert alone.stderr.startswith("refused: ")
    assert run("refunds", "approve", asked, "--as", "bob", "--amount", "30.00").exit_code == 0
    assert run("refunds", "list", "--to-approve", "-o", "ids").stdout == ""


def test_a_lost_notice_is_known_by_asking(sandbox: Sandbox, run: Run) -> None:
    number = create(sandbox)
    run("trigger", "wechat", "paid", "--order", number, "--lost")

    assert run("orders", "ask", number).exit_code == 0
    becomes(sandbox, run, number, "paid")


def test_a_dry_run_writes_nothing(sandbox: Sandbox, run: Run, paid: str) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(sandbox.clock()))
    event = json.loads(run("explain", paid, "-o", "json").stdout)["steps"][-1]["event_id"]
    refused_at_the_door(sandbox)
    quiet(sandbox, paid)
    before = digest(sandbox, paid)

    result = run("redrive", "cashier", "--day", day, "--dry-run", "-o", "json")
    replayed = run("replay", paid, event, "-o", "ids")

    told = json.loads(result.stdout)
    assert (result.exit_code, told["looked_at"], told["redriven"]) == (1, 1, 0), result.stderr
    assert [row["reason"] for row in told["still_refused"]] == ["an amount is not an integer and a currency"]
    assert any(name.startswith("QUARANTINE") for name in before)
    assert replayed.stdout == "unchanged\n"
    # A replay marks its event, and nothing else; a dry run marks nothing.
    assert {name for name, was in digest(sandbox, paid).items() if was != before.get(name)} <= {event}


def refused_at_the_door(sandbox: Sandbox) -> None:
    """Have Stripe sign a message that nobody here can read: it is kept, and the same again is the same row."""
    document = json.loads(secret(sandbox, "GetSecretValue", SecretId=f"{SECRETS}cashier/stripe/main")["SecretString"])
    session = {
        "id": "cs_1",
        "object": "checkout.session",
        "client_reference_id": "QUARANTINE-1",
        "amount_total": "much",
    }
    session |= {"currency": "usd", "payment_status": "paid", "status": "complete", "mode": "payment", "created": 1}
    event = {"id": "evt_1", "object": "event", "created": 1, "livemode": False, "data": {"object": session}}
    body = json.dumps(event | {"type": "checkout.session.completed"}).encode()
    end = time.monotonic() + 120
    while True:
        signed = stripe.signature(document["webhook_secrets"][0], body, int(sandbox.clock()))
        headers = {"content-type": "application/json", "stripe-signature": signed}
        status = sandbox.api("POST", "/cashier/stripe/main/notify", body, headers).status
        if status < 500 or time.monotonic() > end:
            assert status == 200
            return
        time.sleep(0.2)


def test_a_key_is_changed_without_a_message_lost_and_seen_by_no_other_process(
    sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    status, output, seen = watched(sandbox, tmp_path, "rotate", "wechat/shop", "api_v3_keys", "--add", given=NEW_KEY)
    number = create(sandbox)
    told = json.loads(run("trigger", "wechat", "paid", "--order", number, "-o", "json").stdout)

    assert (status, NEW_KEY in output) == (0, False), output
    assert seen == {MARK}  # what is in an environment is seen; the key was in none, and no argument
    held = [path for path in tmp_path.rglob("*") if path.is_file() and NEW_KEY.encode() in path.read_bytes()]
    assert held == []
    assert {one["status"] for one in told["answers"]} <= {204, 503}  # sealed under the old one still
    becomes(sandbox, run, number, "paid")
    assert run("rotate", "wechat/shop", "api_v3_keys", "--remove", "--yes").exit_code == 4
    logs = "".join(path.read_text(encoding="utf-8") for path in (sandbox.state / "logs").glob("*.log"))
    assert NEW_KEY not in logs


# Each loads the script as a person's shell does, and says what it would offer behind the words, one a line.
SHELLS = {
    "bash": """eval "$(countersign completion bash)"
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _countersign_completion "$1"; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() { :; }; compadd() { print -l -- $completions; }
        words=("$@"); CURRENT=$#; eval "$(countersign completion zsh)"; _countersign_completion""",
    "fish": """countersign completion fish | source; complete -C "$argv" """,
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_orders(sandbox: Sandbox, paid: str, tmp_path: Path, shell: str) -> None:
    found = shutil.which(shell)
    if found is None and shell != "bash":
        pytest.skip(f"there is no {shell} on this machine")
    program = tmp_path / "countersign"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m countersign_cli "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    words = ["countersign", f"--sandbox={sandbox.port}", "explain", paid[:9]]
    name = [] if shell == "fish" else [shell]  # what is behind a script begins with its own name, but in fish
    done = subprocess.run(
        [found or shell, "-c", SHELLS[shell], *name, *words],
        env=outside(tmp_path) | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert paid in done.stdout.split(), done.stderr


def test_a_healthy_sandbox_has_nothing_and_five_faults_that_are_planted_in_it_are_found_until_they_are_mended(
    sandbox: Sandbox, run: Run, paid: str
) -> None:
    assert doctor(run) == (0, set())
    now, waits = int(sandbox.clock()), create(sandbox)
    quiet(sandbox, paid)
    secrets = planted(sandbox)
    # The clock stands still, so nobody works on what is made late here.
    late = [
        changed(sandbox, "PULSE", "wechat#shop", callback_at=now - 26 * 3600, answer_at=now - 26 * 3600),
        changed(sandbox, f"wechat#shop#{waits}", "ORDER", due_at=now - 700),
        # A try of the sweep's has put it off, as one does where the bus refuses everything.
        changed(
            sandbox, f"wechat#shop#{paid}", "EVENT#paid", due_at=now + 90, due_shard="sweep#0", received_at=now - 400
        ),
    ]

    status, found = doctor(run)

    assert status == 1
    assert found == {
        "wechat/shop doctor.silent",
        "wechat/ended doctor.document",
        "wechat/shop doctor.document",
        "wechat_poll doctor.due_late",
        "outbox doctor.outbox_late",
    }

    for name in secrets:
        secret(sandbox, "DeleteSecret", SecretId=name, ForceDeleteWithoutRecovery=True)
    for row in late:
        sandbox.data_plane().call("dynamodb", "PutItem", TableName=TABLE, Item=row)
    assert doctor(run) == (0, set())


def changed(sandbox: Sandbox, pk: str, sk: str, **values: int | str) -> Json:
    """Give a row, found by how its sort key begins, other values; return it as it was."""
    [row] = [one for one in rows(sandbox) if one["pk"]["S"] == pk and one["sk"]["S"].startswith(sk)]
    written = {name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in values.items()}
    sandbox.data_plane().call("dynamodb", "PutItem", TableName=TABLE, Item=row | written)
    return row


def doctor(run: Run) -> tuple[int, set[str]]:
    """Return the status and what is wrong, by subject and code."""
    result = run("doctor", "-o", "json")
    bad = [one for one in json.loads(result.stdout) if one["level"] in ("error", "unknown")]
    return result.exit_code, {f"{one['subject']} {one['code']}" for one in bad}


def planted(sandbox: Sandbox) -> list[str]:
    """Store a document of the merchant number of `wechat/shop`, and one whose certificate has ended; their names."""
    shop = json.loads(secret(sandbox, "GetSecretValue", SecretId=f"{SECRETS}wechat/shop")["SecretString"])
    public = {name: shop[name] for name in ("mchid", "appid", "wechatpay_public_keys", "api_base")}
    ended = certificate_pem(private_key(), 77, 0, int(sandbox.clock()) - 86_400)
    documents = {
        "second": {**public, "api_v3_keys": ["".join(f"s{number % 10}" for number in range(16))]},
        "ended": {
            **public,
            "mchid": "1900099777",
            "api_v3_keys": ["".join(f"e{number % 10}" for number in range(16))],
            "wechatpay_public_keys": [],
            "platform_certificates": [ended],
        },
    }
    for name, document in documents.items():
        secret(sandbox, "CreateSecret", Name=f"{SECRETS}wechat/{name}", SecretString=json.dumps(document))
    return [f"{SECRETS}wechat/{name}" for name in documents]


def secret(sandbox: Sandbox, operation: str, **parameters: Any) -> Json:
    return dict(sandbox.data_plane().call("secretsmanager", operation, **parameters))


def outside(home: Path) -> dict[str, str]:
    """Return the environment of the program in a process of its own."""
    return {"PYTHONPATH": f"{LAYER}:{ROOT / 'cli'}:{ROOT}", "HOME": str(home), "LANG": "C.UTF-8", "MARK": MARK}


def watched(sandbox: Sandbox, home: Path, *arguments: str, given: str) -> tuple[int, str, set[str]]:
    """Run a command; its status, what it printed, and which of input and mark stand in /proc meanwhile."""
    command = [sys.executable, "-m", "countersign_cli", f"--sandbox={sandbox.port}", *arguments]
    seen: set[str] = set()
    end = time.monotonic() + 300
    while True:
        process = subprocess.Popen(
            command, env=outside(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdin is not None
        process.stdin.write(given.encode())
        process.stdin.close()
        process.stdin = None
        while process.poll() is None:
            seen |= in_proc(given, MARK)
            time.sleep(0.02)
        output = process.communicate()[0].decode()
        if process.returncode != exits.UNAVAILABLE or time.monotonic() > end:
            return process.returncode, output, seen


def in_proc(*texts: str) -> set[str]:
    """Return which texts stand in the arguments or the environment of any process."""
    found = set()
    for path in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
        with contextlib.suppress(OSError):  # it ended, or is somebody else's
            content = path.read_bytes()
            found |= {text for text in texts if text.encode() in content}
    return found


def rows(sandbox: Sandbox) -> list[Json]:
    scanned = sandbox.data_plane().call("dynamodb", "Scan", TableName=TABLE, ConsistentRead=True)
    return list(scanned["Items"])


def digest(sandbox: Sandbox, number: str) -> dict[str, str]:
    """Return the digest of each row of an order, and of quarantine, by the event that it is of or its key."""
    found = {}
    for row in rows(sandbox):
        if not row["pk"]["S"].startswith((f"wechat#shop#{number}", "QUARANTINE")):
            continue
        if row["sk"]["S"].startswith("NOTICE#"):  # whoever tells people works at the same time
            continue
        name = row["sk"]["S"].removeprefix("EVENT#")
        key = name if row["sk"]["S"].startswith("EVENT#") else f"{row['pk']['S']} {name}"
        found[key] = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
    return found


def quiet(sandbox: Sandbox, number: str) -> None:
    """Wait until nothing is written any more."""
    before, end = digest(sandbox, number), time.monotonic() + 30
    while time.monotonic() < end:
        time.sleep(0.5)
        after = digest(sandbox, number)
        if after == before:
            return
        before = after
