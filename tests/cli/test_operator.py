"""What an operator does: doctor, redrive, replay and rotate, before a cloud that a test plays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from countersign_cli import profiles, times
from countersign_cli.exits import UNAVAILABLE, StopError
from tests.cli.conftest import NOW, Fakes, order
from tests.infra.reading import ROOT
from tests.signing.keys import certificate_pem, private_key, public_pem

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
DAY, HOUR = 86_400, 3600
DIGEST = "ab" * 32
KEY = "".join(f"k{number % 10}" for number in range(16))
NEW = "".join(f"n{number % 10}" for number in range(16))


class Cloud:
    """One deployment from behind: its secrets, due list and functions, and what was asked of it."""

    is_sandbox = False
    stage = "prod"

    def __init__(self) -> None:
        self.secrets: dict[str, Json] = {}
        self.versions: dict[str, int] = {}
        self.changed_at = NOW - 30 * DAY
        self.due: dict[str, float] = {}
        self.waiting: Json = {}  # the event's row that is on the sweep's list
        self.subscribed, self.limit, self.failed, self.schedule = True, 1000, 0, "ENABLED"
        self.invoked: list[tuple[str, Json]] = []
        self.answers: list[Any] = []
        self.broken = ""

    def put(self, account: str, **document: Any) -> None:
        name = f"countersign/prod/{account}"
        self.secrets[name] = document
        self.versions[name] = self.versions.get(name, 0) + 1

    def output(self, name: str) -> str:
        return f"the-{name}"

    def invoke(self, function: str, event: Json) -> Any:
        self.invoked.append((function, event))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stored_at(self, secret: Json) -> float:
        return float(secret["CreatedDate"])

    def store(self, name: str, text: str) -> None:
        self.secrets[name] = json.loads(text)
        self.versions[name] += 1
        self.changed_at = NOW

    def call(self, service: str, operation: str, /, **parameters: Any) -> Json:
        if operation == self.broken:
            raise StopError(UNAVAILABLE, "aws_refused", call=operation, why="ThrottlingException")
        if service == "secretsmanager":
            return self._secret(operation, parameters)
        arn = "arn:aws:sns:x" if self.subscribed else "PendingConfirmation"
        schedule = {
            "ResourceType": "AWS::Scheduler::Schedule",
            "PhysicalResourceId": "default|Poll",
            "LogicalResourceId": "Poll",
        }
        answers: Json = {
            "dynamodb:Query": lambda: {"Items": self._due(parameters["ExpressionAttributeValues"])},
            "dynamodb:BatchGetItem": lambda: {"Responses": {"the-OrdersTableName": [self.waiting]}},
            "sqs:GetQueueAttributes": lambda: {"Attributes": {"ApproximateNumberOfMessages": str(self.failed)}},
            "sns:ListSubscriptionsByTopic": lambda: {"Subscriptions": [{"SubscriptionArn": arn}]},
            "cloudformation:ListStackResources": lambda: {"StackResourceSummaries": [schedule]},
            "scheduler:GetSchedule": lambda: {"State": self.schedule},
            "lambda:GetAccountSettings": lambda: {"AccountLimit": {"ConcurrentExecutions": self.limit}},
        }
        return dict(answers[f"{service}:{operation}"]())

    def _secret(self, operation: str, parameters: Json) -> Json:
        if operation == "ListSecrets":
            return {"SecretList": [{"Name": name} for name in self.secrets]}
        name = parameters["SecretId"]
        text = json.dumps(self.secrets[name])
        return {"SecretString": text, "VersionId": str(self.versions[name]), "CreatedDate": self.changed_at}

    def _due(self, values: Json) -> list[Json]:
        owner, _, number = values[":shard"]["S"].partition("#")
        at = self.due.get(owner) if number == "3" else None
        is_due = at is not None and at <= int(values[":moment"]["N"])
        key = {"pk": {"S": "wechat#shop#A-1"}, "sk": {"S": "EVENT#x"}}
        return [key | {"due_at": {"N": str(int(at or 0))}}] if is_due else []


def wechat(**changes: Any) -> Json:
    public = {"id": "PUB_KEY_ID_1", "pem": public_pem(private_key())}
    return {
        "mchid": "1900099001",
        "appid": "wx0000000000000001",
        "api_v3_keys": [KEY],
        "wechatpay_public_keys": [public],
        **changes,
    }


def health(**changes: Any) -> Json:
    return {
        "callback_at": times.iso(NOW - 600),
        "answer_at": None,
        "subscriptions": None,
        "authorization": None,
        "keys": [],
        "certificates": [],
        "quarantined": {"count": 0, "more": False},
        **changes,
    }


def waiting(**moments: int) -> Json:
    """Return an event's row as far as the doctor reads it."""
    return {name: {"N": str(moment)} for name, moment in {"due_at": NOW + 60, **moments}.items()}


@pytest.fixture
def live(fakes: Fakes) -> Fakes:
    """Return a healthy deployment with one account."""
    profile = profiles.Profile("prod", api_url="https://api.example", token_url="https://id.example/t", stack="s")
    profiles.write(fakes.home, profile)
    fakes.environ |= {"COUNTERSIGN_CLIENT_ID": "id", "COUNTERSIGN_CLIENT_SECRET": "the-secret-of-the-machine"}
    fakes.on("POST /t", {"access_token": "machine", "expires_in": 3600})
    fakes.cloud = Cloud()
    fakes.cloud.put("wechat/shop", **wechat())
    healthy(fakes)
    fakes.on("GET /me", {"id": "m", "name": None})
    rows = [order(str(number), updated_at=times.iso(NOW - 600 - number * 2400)) for number in range(5)]
    fakes.on("GET /orders", {"orders": rows, "cursor": None})
    return fakes


def healthy(fakes: Fakes, **changes: Any) -> None:
    fakes.on("GET /accounts", {"accounts": [{"account": "wechat/shop", "health": health(**changes)}]})


def doctor(fakes: Fakes) -> tuple[int, dict[str, str]]:
    """Return the status and, of what is not good, the code with its subject."""
    result = fakes.run("doctor", "--stack", "-o", "json", sandbox=False)
    found = {one["code"]: one["subject"] for one in json.loads(result.stdout) if one["level"] != "good"}
    return result.exit_code, found


class TestDoctor:
    def test_a_healthy_deployment_has_nothing(self, live: Fakes) -> None:
        assert doctor(live) == (0, {})

    def test_five_planted_faults_are_found_each_for_itself(self, live: Fakes) -> None:
        ended = certificate_pem(private_key(), 77, 0, NOW - DAY)
        document = wechat(
            mchid="1900099002", api_v3_keys=[NEW], wechatpay_public_keys=[], platform_certificates=[ended]
        )
        live.cloud.put("wechat/ended", **document)
        live.cloud.put("wechat/second", **wechat(api_v3_keys=[NEW.upper()]))
        live.cloud.due |= {"wechat_poll": NOW - 700, "sweep": NOW + 60}  # put off, by a try that failed
        live.cloud.waiting = waiting(received_at=NOW - 86_400, redriven_at=NOW - 400)
        healthy(live, callback_at=times.iso(NOW - 26 * HOUR))

        result = live.run("doctor", "--stack", sandbox=False)

        assert result.exit_code == 1
        bad = [line for line in result.stdout.splitlines() if line.startswith("✗")]
        assert bad == [
            "✗ wechat/shop: no callback for 1 d (usual gap 40 min)",
            "✗ wechat/ended: platform_certificates[0] has expired on 2026-11-29",
            "✗ wechat/shop: mchid is the one of wechat/second: one document for each",
            "✗ wechat_poll: work is 12 min late: look for errors of this function",
            "✗ outbox: events wait for the bus for 7 min",
        ]

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ({"callback_at": times.iso(NOW - 3 * HOUR), "answer_at": times.iso(NOW - 60)}, "doctor.only_when_asked"),
            ({"certificates": [{"certificate": "c[0]", "ends_at": times.iso(NOW - 1)}]}, "doctor.certificate_ended"),
            ({"authorization": {"since": "x", "because": "y"}}, "doctor.let_in_no_more"),
            ({"quarantined": {"count": 2, "more": False}}, "doctor.quarantined"),
        ],
    )
    def test_what_the_api_knows_of_an_account_is_looked_at(self, live: Fakes, fault: Json, code: str) -> None:
        healthy(live, **fault)

        assert doctor(live) == (1, {code: "wechat/shop"})

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ({"certificates": [{"certificate": "c[0]", "ends_at": times.iso(NOW + DAY)}]}, "doctor.certificate_ends"),
            ({"keys": [{"key": "api_v2_keys[1]", "used_at": times.iso(NOW - 5 * DAY)}]}, "doctor.key_unused"),
        ],
    )
    def test_what_will_be_wrong_is_a_warning_and_no_failure(self, live: Fakes, fault: Json, code: str) -> None:
        healthy(live, **fault)

        assert doctor(live) == (0, {code: "wechat/shop"})

    @pytest.mark.parametrize(
        ("attribute", "value", "code"),
        [
            ("subscribed", False, "doctor.alarms_unheard"),
            ("schedule", "DISABLED", "doctor.schedule_off"),
            ("limit", 10, "doctor.quota_small"),
        ],
    )
    def test_what_is_deployed_is_looked_at(self, live: Fakes, attribute: str, value: Any, code: str) -> None:
        setattr(live.cloud, attribute, value)

        status, found = doctor(live)

        assert (status, list(found)) == (1, [code])

    @pytest.mark.parametrize(
        "row", [{}, {"received_at": NOW - 60}, {"received_at": NOW - DAY, "attached_at": NOW - 60}]
    )
    def test_an_event_that_is_just_being_published_waits_for_nobody(self, live: Fakes, row: Json) -> None:
        live.cloud.due["sweep"] = NOW + 60
        live.cloud.waiting = waiting(**row) if row else {}  # published meanwhile

        assert doctor(live) == (0, {})

    def test_a_quiet_night_is_no_silence(self, live: Fakes) -> None:
        healthy(live, callback_at=times.iso(NOW - 11 * HOUR))

        assert doctor(live) == (0, {})

    def test_what_could_not_be_found_out_is_not_said_to_be_good(self, live: Fakes) -> None:
        live.cloud.broken = "ListSubscriptionsByTopic"

        assert doctor(live) == (1, {"doctor.unknown": "alarms"})

    def test_without_looking_behind_no_credentials_are_needed(self, live: Fakes) -> None:
        live.cloud = None

        assert live.run("doctor", sandbox=False).exit_code == 0

    def test_no_secret_is_printed(self, live: Fakes) -> None:
        live.cloud.put("wechat/other", **wechat(mchid="1900099003"))

        output = live.run("doctor", "--stack", sandbox=False).output

        assert "api_v3_keys[0] is the same as" in output
        assert KEY not in output


def test_documents_are_linted_without_anybody_being_called(fakes: Fakes) -> None:
    result = fakes.run("doctor", "--accounts", str(ROOT / "tests" / "accounts"), "-o", "ids", sandbox=False)

    assert result.exit_code == 1
    assert "wechat/shop" in result.stdout.split()
    assert fakes.asked == []


class TestRedrive:
    REFUSED: ClassVar[Json] = {"digest": DIGEST, "reason": "total is not a whole number"}

    def test_a_dry_run_asks_for_one_and_says_what_would_be(self, live: Fakes) -> None:
        live.cloud.answers = [{"looked_at": 3, "redriven": 2, "still_refused": [self.REFUSED], "dry_run": True}]

        result = live.run(
            "redrive", "wechat", "--day", "2026-11-22", "--account", "wechat/shop", "--dry-run", sandbox=False
        )

        [(function, event)] = live.cloud.invoked
        assert function == "wechat_redrive"
        assert event == {"from": "2026-11-22", "to": "2026-11-22", "account": "shop", "dry_run": True}
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [
            "3 looked at: 2 would be taken in, 1 are still refused",
            "  abababababab…  total is not a whole number",
        ]

    def test_it_goes_on_by_itself_until_nothing_is_left(self, live: Fakes) -> None:
        more = {"from": "2026-11-22", "to": "2026-11-22", "after": f"wechat#shop#{DIGEST}"}
        live.cloud.answers = [
            {"looked_at": 1000, "redriven": 1000, "still_refused": [], "continue": more},
            {"looked_at": 1, "redriven": 1, "still_refused": []},
        ]

        result = live.run("redrive", "wechat", "--day", "2026-11-22", "-o", "json", sandbox=False)

        assert [event for _, event in live.cloud.invoked][1] == more
        assert json.loads(result.stdout) == {"looked_at": 1001, "redriven": 1001, "still_refused": [], "dry_run": False}

    def test_interrupted_and_repeated_it_goes_on_where_it_was(self, live: Fakes) -> None:
        more = {"from": "2026-11-22", "to": "2026-11-22", "after": f"wechat#shop#{DIGEST}"}
        first = {"looked_at": 1000, "redriven": 999, "still_refused": [self.REFUSED], "continue": more}
        live.cloud.answers = [first, KeyboardInterrupt()]
        again = ["redrive", "wechat", "--day", "2026-11-22"]

        assert live.run(*again, sandbox=False).exit_code == 130
        live.cloud.invoked.clear()
        live.cloud.answers = [{"looked_at": 5, "redriven": 5, "still_refused": []}]
        result = live.run(*again, sandbox=False)

        assert live.cloud.invoked == [("wechat_redrive", more)]
        assert result.stdout.startswith("1005 looked at: 1004 taken in, 1 are still refused")
        assert list((live.home / "redrive").iterdir()) == []  # the next time begins anew

    @pytest.mark.parametrize(
        "days", [[], ["--day", "2026-11-22", "--from", "2026-11-22"], ["--from", "2026-11-22"], ["--day", "today"]]
    )
    def test_days_are_said_in_one_way(self, live: Fakes, days: list[str]) -> None:
        assert live.run("redrive", "wechat", *days, sandbox=False).exit_code == 2
        assert live.cloud.invoked == []


class TestReplay:
    def test_an_event_is_found_by_how_it_begins(self, live: Fakes) -> None:
        events = [{"event_id": f"paid.notify.{DIGEST}"}, {"event_id": "opened.merchant.x"}]
        live.on("GET /orders/wechat/shop/A-1", order(events=events))
        live.cloud.answers = [
            {"event_id": "e", "outcome": "unchanged", "reason": "the order has this news", "status": "paid"}
        ]

        result = live.run("replay", "wechat/shop/A-1", "paid", sandbox=False)

        wanted = {"account": "shop", "order_id": "A-1", "event_id": f"paid.notify.{DIGEST}"}
        assert live.cloud.invoked == [("wechat_redrive", {"replay": wanted})]
        assert result.stdout == "wechat/shop/A-1  changes nothing: the order has this news\n"

    def test_an_operator_without_a_token_names_it_whole(self, live: Fakes) -> None:
        live.cloud.answers = [{"event_id": "e", "outcome": "applied", "reason": "r", "status": "paid"}]
        asked = len(live.asked)

        assert (
            live.run("replay", "wechat/shop/A-1", f"paid.notify.{DIGEST}", "-o", "ids", sandbox=False).stdout
            == "applied\n"
        )
        assert len(live.asked) == asked

    def test_two_that_begin_so_are_named(self, live: Fakes) -> None:
        live.on("GET /orders/wechat/shop/A-1", order(events=[{"event_id": "paid.1"}, {"event_id": "paid.2"}]))

        result = live.run("replay", "wechat/shop/A-1", "paid", sandbox=False)

        assert (result.exit_code, "paid.1, paid.2" in result.stderr) == (2, True)


class TestRotate:
    NAME = "countersign/prod/wechat/shop"

    def rotate(self, live: Fakes, *more: str, given: str | None = None) -> Any:
        return live.run("rotate", "wechat/shop", "api_v3_keys", *more, given=given, sandbox=False)

    def keys(self, live: Fakes) -> list[str]:
        return list(live.cloud.secrets[self.NAME]["api_v3_keys"])

    def test_a_new_key_is_put_in_front_and_the_old_one_stays(self, live: Fakes) -> None:
        assert self.rotate(live, "--add", given=f"{NEW}\n").exit_code == 0
        assert self.keys(live) == [NEW, KEY]

    def test_a_key_comes_from_a_file_too(self, live: Fakes, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(NEW, encoding="utf-8")

        assert self.rotate(live, "--add", "--from-file", str(tmp_path / "key")).exit_code == 0
        assert self.keys(live) == [NEW, KEY]

    @pytest.mark.parametrize(("given", "status"), [("", 2), ("short", 4), (KEY, 4), ('{"id": 1}', 2)])
    def test_what_would_make_the_document_wrong_is_not_stored(self, live: Fakes, given: str, status: int) -> None:
        result = self.rotate(live, "--add", given=given)

        assert result.exit_code == status
        assert self.keys(live) == [KEY]

    def test_what_somebody_else_changed_meanwhile_is_not_overwritten(self, live: Fakes) -> None:
        cloud, reads = live.cloud, 0
        genuine = cloud.call

        def call(service: str, operation: str, /, **parameters: Any) -> Json:
            nonlocal reads
            answer: Json = genuine(service, operation, **parameters)
            if operation == "GetSecretValue":
                reads += 1
                return answer | {"VersionId": str(reads)}
            return answer

        cloud.call = call
        result = self.rotate(live, "--add", given=NEW)

        assert (result.exit_code, self.keys(live)) == (4, [KEY])

    def test_old_keys_are_taken_out_only_once_they_are_not_used(self, live: Fakes) -> None:
        self.rotate(live, "--add", given=NEW)

        refused = self.rotate(live, "--remove", "--yes")
        assert (refused.exit_code, self.keys(live)) == (4, [NEW, KEY])

        live.cloud.changed_at = NOW - 2 * DAY
        waiting = self.rotate(live)
        assert "`--remove` takes them out" in waiting.stdout

        healthy(live, keys=[{"key": "api_v3_keys[1]", "used_at": times.iso(NOW - 60)}])
        assert self.rotate(live, "--remove", "--yes").exit_code == 4

        healthy(live)
        assert self.rotate(live, "--remove", given="n\n").exit_code == 0
        assert self.keys(live) == [NEW, KEY]
        assert self.rotate(live, "--remove", given="y\n").exit_code == 0
        assert self.keys(live) == [NEW]

    def test_keys_with_an_id_are_known_by_it(self, live: Fakes) -> None:
        old = {"id": "PUB_KEY_ID_0", "pem": public_pem(private_key())}
        document = wechat()
        live.cloud.put(
            "wechat/shop", **{**document, "wechatpay_public_keys": [*document["wechatpay_public_keys"], old]}
        )
        healthy(live, keys=[{"key": "PUB_KEY_ID_0", "used_at": times.iso(NOW - 60)}])

        result = live.run("rotate", "wechat/shop", "wechatpay_public_keys", "--remove", "--yes", sandbox=False)

        assert result.exit_code == 4

    def test_keys_of_an_app_are_used_where_it_is_installed(self, live: Fakes) -> None:
        secrets = [f"shpss_{NEW}", f"shpss_{KEY}"]
        live.cloud.put("shopify/app", client_secrets=secrets)
        used = {"key": "client_secrets[1]", "used_at": times.iso(NOW - 60)}
        shop = {"account": "shopify/shop.myshopify.com", "health": health(keys=[used])}
        live.on("GET /accounts", {"accounts": [shop]})

        assert live.run("rotate", "shopify/app", "client_secrets", "--remove", "--yes", sandbox=False).exit_code == 4
        live.on("GET /accounts", {"accounts": [{**shop, "account": "wechat/shop"}]})
        assert live.run("rotate", "shopify/app", "client_secrets", "--remove", "--yes", sandbox=False).exit_code == 0

    def test_no_key_is_an_argument_or_printed_or_kept(self, live: Fakes) -> None:
        outputs = [self.rotate(live, "--add", given=NEW).output, self.rotate(live).output]
        outputs.append(self.rotate(live, "--add", given=NEW).output)
        held = "".join(path.read_text(encoding="utf-8") for path in live.home.rglob("*") if path.is_file())

        assert not [text for text in (*outputs, held) if NEW in text or KEY in text]
        command = live.run("rotate", "--help", sandbox=False).stdout
        assert "--value" not in command
