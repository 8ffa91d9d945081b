"""The shapes in which AWS hands things to functions: HTTP requests, queue messages, stream records, schedules."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import uuid
from typing import Any
from urllib.parse import parse_qsl

ACCOUNT, REGION = "123456789012", "eu-west-1"
Event = dict[str, Any]


def stable_uuid(name: str) -> str:
    """Return the same UUID for the same name, so that a committed event stays as it is."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"countersign:{name}"))


def http(
    route: str,
    now: int,
    *,
    parameters: dict[str, str] | None = None,
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes | str = "",
    encoded: bool = False,
    claims: dict[str, str] | None = None,
) -> Event:
    """Return an API Gateway HTTP API event, payload format 2.0; `route` is its route key."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    method, _, path = route.partition(" ")
    for name, value in (parameters or {}).items():
        path = path.replace(f"{{{name}}}", value)
    raw = body if isinstance(body, bytes) else body.encode()
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    sent |= {"host": "pay.example.com", "x-forwarded-proto": "https", "x-forwarded-port": "443"}
    sent["x-forwarded-for"] = "203.0.113.7"
    if raw:
        sent["content-length"] = str(len(raw))
    context: Event = {
        "accountId": ACCOUNT,
        "apiId": "a1b2c3d4e5",
        "domainName": "pay.example.com",
        "domainPrefix": "pay",
        "http": {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.7",
            "userAgent": sent.get("user-agent", "shop/1.0"),
        },
        "requestId": stable_uuid(route + path + sent.get("wechatpay-nonce", "")),
        "routeKey": route,
        "stage": "$default",
        "time": f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": now * 1000,
    }
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": claims["scope"].split()}}
    event: Event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": dict(sorted(sent.items())),
        "requestContext": context,
        "isBase64Encoded": encoded,
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query))
    if parameters:
        event["pathParameters"] = parameters
    if raw:
        event["body"] = base64.b64encode(raw).decode() if encoded else raw.decode()
    return event


def claims(now: int, scopes: str, *, subject: str = "3f0c7d0e-anna", accounts: str = "*") -> dict[str, str]:
    """Return a person's token as the authorizer hands it on: everything a string."""
    return {
        "accounts": accounts,
        "client_id": "6h0storefront",
        "exp": str(now + 3600),
        "iat": str(now),
        "iss": "https://issuer.example.com",
        "scope": scopes,
        "sub": subject,
        "token_use": "access",
        "username": subject,
    }


def schedule(rule: str, now: int) -> Event:
    """Return what EventBridge Scheduler sends a function without an input of its own."""
    return {
        "version": "0",
        "id": stable_uuid(f"{rule} {now}"),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{rule}"],
        "detail": "{}",
    }


def bus(detail_type: str, detail: Event, now: int) -> Event:
    """Return what a rule of our own bus sends."""
    return {
        "version": "0",
        "id": stable_uuid(f"{detail_type} {detail} {now}"),
        "detail-type": detail_type,
        "source": "countersign",
        "account": ACCOUNT,
        "time": f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def sqs(queue: str, bodies: list[str], now: int) -> Event:
    """Return a batch of queue messages."""
    return {
        "Records": [
            {
                "messageId": stable_uuid(f"{queue} {number} {body}"),
                "receiptHandle": f"AQEB{number:04d}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": str(now * 1000),
                    "SenderId": ACCOUNT,
                    "ApproximateFirstReceiveTimestamp": str(now * 1000),
                },
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                "awsRegion": REGION,
            }
            for number, body in enumerate(bodies)
        ]
    }


def stream(table: str, records: list[tuple[Event | None, Event]], now: int) -> Event:
    """Return a batch of a table's stream: pairs of the item before (None for a new one) and after."""
    return {
        "Records": [
            {
                "eventID": hashlib.sha256(f"{number} {new['sk']}".encode()).hexdigest()[:32],
                "eventName": "MODIFY" if old else "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": REGION,
                "dynamodb": {
                    "ApproximateCreationDateTime": now,
                    "Keys": {"pk": new["pk"], "sk": new["sk"]},
                    **({"OldImage": old} if old else {}),
                    "NewImage": new,
                    "SequenceNumber": str(100000000000000000000 + number),
                    "SizeBytes": len(str(new)),
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-11-22T00:00:00.000",
            }
            for number, (old, new) in enumerate(records)
        ]
    }


def event_id(fact: str, *content: str | int) -> str:
    """Return the id of an event that a notice made: kind, road and digest of tenant, order key and what it says."""
    canonical = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return f"{fact}.notify.{hashlib.sha256(canonical).hexdigest()}"


def day(now: int) -> str:
    """Return the day, as UTC has it, by which quarantine is kept."""
    return f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%d}"
