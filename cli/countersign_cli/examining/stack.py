"""What is deployed, or runs in the sandbox: how accounts do, how late work is, what would wake somebody."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from countersign_cli import times
from countersign_cli.deployed import OWNERS
from countersign_cli.examining import documents
from countersign_cli.exits import StopError

if TYPE_CHECKING:
    from countersign_cli.cloud import Cloud
    from countersign_cli.session import Session

Json = dict[str, Any]
GOOD, WARNING, ERROR, UNKNOWN = "good", "warning", "error", "unknown"
DAY, HOUR = 86_400, 3600
CERTIFICATE_SOON = 30 * DAY
# An account that is quiet for so long, and for so many times its usual gap, is silent.
SILENT_SECONDS, SILENT_GAPS = 12 * HOUR, 20
ASKED_BUT_NOT_TOLD = HOUR  # the platform answers when it is asked, and tells nothing by itself
LOOKED_AT = 20  # orders of an account, for its usual gap
DUE_SECONDS = 600  # as DueOverdueAlarm has it
OUTBOX_SECONDS = 300  # as OutboxAgeAlarm has it
CLOCK_SECONDS = 30
CONCURRENCY = 100
KEY_UNUSED = 3 * DAY  # a previous key that verified nothing for so long may be taken out
SHARDS = 8
OUTBOX = "sweep"
PUT_OFF_SECONDS = 120  # for which a try to publish puts an event off: what fails again and again is never overdue
LOOKED_AT_EVENTS = 25  # of each shard, the next ones first
# When an event began to wait for the bus: the last of them. A test compares them with the sweep's.
WRITTEN = ("received_at", "redriven_at", "attached_at", "replayed_at")
OURS = "lookup/"  # a secret of the product itself, and no account's
_PREVIOUS = re.compile(r"(\w+)\[([1-9][0-9]*)\]", re.ASCII)


class Result(NamedTuple):
    """What one check found: how it is, what it is about, and a sentence of `texts`."""

    level: str
    subject: str
    code: str
    arguments: Json


Check = Callable[["Patient"], Iterator[Result]]


class Patient(NamedTuple):
    """What is examined."""

    session: Session
    cloud: Cloud | None
    now: float
    health: dict[str, Json]


def examine(session: Session, cloud: Cloud | None) -> Iterator[Result]:
    """Yield what each check finds; one that cannot be made says so, and the others go on."""
    listed = session.api.accounts().json["accounts"]
    patient = Patient(session, cloud, session.now(), {one["account"]: one["health"] for one in listed})
    checks: list[Check] = [_certificates, _silence, _access, _quarantine, _old_keys, _clock]
    if cloud is not None:
        checks += [_documents, _due, _outbox, _failures]
        checks += [] if cloud.is_sandbox else [_alarms, _schedules, _quota]
    for check in checks:
        try:
            yield from check(patient)
        except StopError as stop:
            why = stop.arguments.get("why") or stop.arguments.get("kind") or stop.code
            yield Result(UNKNOWN, check.__name__.strip("_"), "doctor.unknown", {"why": why})


def _certificates(patient: Patient) -> Iterator[Result]:
    soonest = None
    for account, health in patient.health.items():
        for one in health["certificates"]:
            ends = times.parsed(one["ends_at"]) or 0
            soonest = ends if soonest is None else min(ends, soonest)
            told = {"certificate": one["certificate"], "day": times.day(ends)}
            if ends < patient.now:
                yield Result(ERROR, account, "doctor.certificate_ended", told)
            elif ends < patient.now + CERTIFICATE_SOON:
                days = int((ends - patient.now) // DAY)
                yield Result(WARNING, account, "doctor.certificate_ends", {**told, "days": days})
    if soonest is not None and soonest >= patient.now + CERTIFICATE_SOON:
        yield Result(GOOD, "certificates", "doctor.certificates_good", {"day": times.day(soonest)})


def _silence(patient: Patient) -> Iterator[Result]:
    silent = 0
    for account, health in patient.health.items():
        told, answered = times.parsed(health["callback_at"]), times.parsed(health["answer_at"])
        if told is None:
            continue
        quiet = patient.now - told
        if answered is not None and answered - told > ASKED_BUT_NOT_TOLD and quiet > ASKED_BUT_NOT_TOLD:
            silent += 1
            yield Result(ERROR, account, "doctor.only_when_asked", {"quiet": times.lasting(quiet)})
        elif quiet > SILENT_SECONDS and (gap := _usual_gap(patient, account)) and quiet > SILENT_GAPS * gap:
            silent += 1
            arguments = {"quiet": times.lasting(quiet), "gap": times.lasting(gap)}
            yield Result(ERROR, account, "doctor.silent", arguments)
    if not silent:
        yield Result(GOOD, "callbacks", "doctor.callbacks_good", {"count": len(patient.health)})


def _usual_gap(patient: Patient, account: str) -> float:
    """Return the median time between changes of the account's latest orders; 0 where too few are there to tell."""
    rows = patient.session.api.list_orders(account=account, sort="-updated", limit=LOOKED_AT).json["orders"]
    moments = sorted(filter(None, (times.parsed(row["updated_at"]) for row in rows)))
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return max(statistics.median(gaps), 1.0) if len(gaps) >= 2 else 0.0


def _access(patient: Patient) -> Iterator[Result]:
    for account, health in patient.health.items():
        if ended := health.get("authorization"):
            yield Result(ERROR, account, "doctor.let_in_no_more", {"since": ended["since"], "why": ended["because"]})
        gap = (health.get("subscriptions") or {}).get("gap")
        if gap:
            yield Result(WARNING, account, "doctor.gap", {"since": gap["from"], "why": gap["cause"]})


def _quarantine(patient: Patient) -> Iterator[Result]:
    for account, health in patient.health.items():
        if count := health["quarantined"]["count"]:
            yield Result(ERROR, account, "doctor.quarantined", {"count": count})


def _old_keys(patient: Patient) -> Iterator[Result]:
    for account, health in patient.health.items():
        for key in health["keys"]:
            unused = patient.now - (times.parsed(key["used_at"]) or 0)
            if _PREVIOUS.fullmatch(key["key"]) and unused > KEY_UNUSED:
                told = {"key": key["key"], "unused": times.lasting(unused)}
                yield Result(WARNING, account, "doctor.key_unused", told)


def _clock(patient: Patient) -> Iterator[Result]:
    if patient.session.sandbox:
        return  # it has a time of its own, which people move
    date = patient.session.api.whoami().headers.get("date", "")
    if not date:
        return
    skew = abs(patient.now - parsedate_to_datetime(date).timestamp())
    level, code = (ERROR, "doctor.clock_differs") if skew > CLOCK_SECONDS else (GOOD, "doctor.clock_good")
    yield Result(level, "clock", code, {"seconds": round(skew, 1)})


def _documents(patient: Patient) -> Iterator[Result]:
    cloud = _cloud(patient)
    prefix, found = f"countersign/{cloud.stage}/", {}
    asked: Json = {"Filters": [{"Key": "name", "Values": [prefix]}], "MaxResults": 100}
    while True:
        answer = cloud.call("secretsmanager", "ListSecrets", **asked)
        for one in answer["SecretList"]:
            name = str(one["Name"]).removeprefix(prefix)
            # An account's document is `platform/account`; the console's secret and our own keys are none.
            if one["Name"] != name and "/" in name and not name.startswith(OURS):
                text = cloud.call("secretsmanager", "GetSecretValue", SecretId=one["Name"])["SecretString"]
                found[name] = str(text).encode("utf-8", "surrogatepass")
        if not answer.get("NextToken"):
            break
        asked["NextToken"] = answer["NextToken"]
    bad = 0
    for finding in documents.examine(dict(sorted(found.items())), int(patient.now)):
        if cloud.is_sandbox and ("api_base" in finding.what or "everybody knows it" in finding.what):
            continue  # there it is meant to be so
        bad += finding.level == ERROR
        yield Result(finding.level, finding.where, "doctor.document", {"what": finding.what})
    if not bad:
        yield Result(GOOD, "documents", "doctor.documents_good", {"count": len(found)})


def _due(patient: Patient) -> Iterator[Result]:
    late = 0
    worst = 0.0
    for owner in OWNERS:
        if owner == OUTBOX:
            continue
        lag = _lag(patient, owner)
        worst = max(lag, worst)
        if lag > DUE_SECONDS:
            late += 1
            yield Result(ERROR, owner, "doctor.due_late", {"lag": times.lasting(lag)})
    if not late:
        yield Result(GOOD, "due", "doctor.due_good", {"lag": times.lasting(worst)})


def _outbox(patient: Patient) -> Iterator[Result]:
    cloud, oldest = _cloud(patient), patient.now
    table = cloud.output("OrdersTableName")
    for shard in range(SHARDS):
        entries = _due_until(cloud, f"{OUTBOX}#{shard}", patient.now + PUT_OFF_SECONDS, LOOKED_AT_EVENTS)
        if entries:
            keys = [{"pk": entry["pk"], "sk": entry["sk"]} for entry in entries]
            asked = {table: {"Keys": keys, "ProjectionExpression": f"due_at, {', '.join(WRITTEN)}"}}
            rows = cloud.call("dynamodb", "BatchGetItem", RequestItems=asked)["Responses"][table]
            waiting = [row for row in rows if "due_at" in row]  # what was published meanwhile waits no more
            oldest = min([oldest, *(_waits_since(row, patient.now) for row in waiting)])
    lag = patient.now - oldest
    level, code = (ERROR, "doctor.outbox_late") if lag > OUTBOX_SECONDS else (GOOD, "doctor.outbox_good")
    yield Result(level, "outbox", code, {"lag": times.lasting(lag)})


def _waits_since(row: Json, now: float) -> float:
    return max((float(row[name]["N"]) for name in WRITTEN if name in row), default=now)


def _lag(patient: Patient, owner: str) -> float:
    """Return for how long the oldest piece of an owner's work is due; 0 where none is."""
    cloud, oldest = _cloud(patient), patient.now
    for shard in range(SHARDS):
        entries = _due_until(cloud, f"{owner}#{shard}", patient.now, 1)
        oldest = min([oldest, *(float(entry["due_at"]["N"]) for entry in entries)])
    return patient.now - oldest


def _due_until(cloud: Cloud, shard: str, moment: float, limit: int) -> list[Json]:
    answer = cloud.call(
        "dynamodb",
        "Query",
        TableName=cloud.output("OrdersTableName"),
        IndexName="due",
        KeyConditionExpression="due_shard = :shard AND due_at <= :moment",
        ExpressionAttributeValues={":shard": {"S": shard}, ":moment": {"N": str(int(moment))}},
        Limit=limit,
    )
    return list(answer["Items"])


def _failures(patient: Patient) -> Iterator[Result]:
    cloud, name = _cloud(patient), "ApproximateNumberOfMessages"
    url = cloud.output("FailureQueueUrl")
    attributes = cloud.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=[name])["Attributes"]
    if count := int(attributes[name]):
        yield Result(WARNING, "dead letters", "doctor.failures", {"count": count})


def _alarms(patient: Patient) -> Iterator[Result]:
    cloud = _cloud(patient)
    found = cloud.call("sns", "ListSubscriptionsByTopic", TopicArn=cloud.output("AlarmTopicArn"))["Subscriptions"]
    confirmed = [one for one in found if str(one["SubscriptionArn"]).startswith("arn:")]
    level, code = (GOOD, "doctor.alarms_good") if confirmed else (ERROR, "doctor.alarms_unheard")
    yield Result(level, "alarms", code, {"count": len(confirmed)})


def _schedules(patient: Patient) -> Iterator[Result]:
    cloud, asked, count, off = _cloud(patient), {"StackName": patient.session.profile.stack}, 0, 0
    while True:
        answer = cloud.call("cloudformation", "ListStackResources", **asked)
        for one in answer["StackResourceSummaries"]:
            if one["ResourceType"] != "AWS::Scheduler::Schedule":
                continue
            count += 1
            name = str(one["PhysicalResourceId"]).rpartition("/")[2].rpartition("|")[2]
            if cloud.call("scheduler", "GetSchedule", Name=name)["State"] != "ENABLED":
                off += 1
                yield Result(ERROR, str(one["LogicalResourceId"]), "doctor.schedule_off", {})
        if not answer.get("NextToken"):
            break
        asked["NextToken"] = answer["NextToken"]
    if not off:
        yield Result(GOOD, "schedules", "doctor.schedules_good", {"count": count})


def _quota(patient: Patient) -> Iterator[Result]:
    limit = _cloud(patient).call("lambda", "GetAccountSettings")["AccountLimit"]["ConcurrentExecutions"]
    level, code = (GOOD, "doctor.quota_good") if limit >= CONCURRENCY else (ERROR, "doctor.quota_small")
    yield Result(level, "concurrency", code, {"limit": limit})


def _cloud(patient: Patient) -> Cloud:
    assert patient.cloud is not None  # noqa: S101 - only asked where there is one
    return patient.cloud
