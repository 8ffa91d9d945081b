"""DynamoDB and Secrets Manager for the benches: answer at once, check the conditions used here, count requests.

Not a database and no check of signatures: what is measured is the client's side of the wire. `python stub.py` serves
plain HTTP on a port it prints; `python stub.py CERTIFICATE KEY` serves TLS.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import ssl
import sys
from collections import Counter
from typing import Any

Item = dict[str, Any]
Reply = tuple[int, bytes]

_TABLE_KEYS = {"idempotency": ("id",)}
_CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]"


class Database:
    """Items in memory, secrets, and how many requests and bytes each operation took."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, ...], Item] = {}
        self.kept: dict[tuple[str, ...], Item] = {}
        self.secrets: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def handle(self, operation: str, request: dict[str, Any]) -> Reply:
        """Answer one AWS call."""
        answer: Reply = getattr(self, f"do_{operation}")(request)
        return answer

    def control(self, path: str, body: bytes) -> bytes:
        """Answer the bench itself."""
        if path == "/secret":
            self.secrets.update(json.loads(body))
        elif path == "/keep":  # what is stored now is where each repeat begins
            self.kept = dict(self.items)
        elif path == "/restore":
            self.items = dict(self.kept)
            self.requests.clear()
            self.bytes.clear()
        return json.dumps({"requests": self.requests, "bytes": self.bytes}).encode()

    def do_GetSecretValue(self, request: dict[str, Any]) -> Reply:  # noqa: N802 - AWS's own name, as below
        name = request["SecretId"]
        if name not in self.secrets:
            return _error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        arn = f"arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:{name}-AbCdEf"
        stages = {"VersionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "VersionStages": ["AWSCURRENT"]}
        secret = {"ARN": arn, "Name": name, "SecretString": self.secrets[name], "CreatedDate": 1795327200.0, **stages}
        return 200, json.dumps(secret).encode()

    def do_BatchGetItem(self, request: dict[str, Any]) -> Reply:  # noqa: N802
        found: dict[str, list[Item]] = {}
        for table, wanted in request["RequestItems"].items():
            keys = [_key(table, key) for key in wanted["Keys"]]
            found[table] = [self.items[key] for key in keys if key in self.items]
        return 200, json.dumps({"Responses": found, "UnprocessedKeys": {}}).encode()

    def do_PutItem(self, request: dict[str, Any]) -> Reply:  # noqa: N802
        if not self._holds(request):
            old = self.items[_key(request["TableName"], request["Item"])]
            wants_old = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            more = {"Item": old} if wants_old else {}
            return _error("ConditionalCheckFailedException", "The conditional request failed", **more)
        self._put(request)
        return 200, b"{}"

    def do_UpdateItem(self, request: dict[str, Any]) -> Reply:  # noqa: N802
        self._update(request)
        return 200, b"{}"

    def do_TransactWriteItems(self, request: dict[str, Any]) -> Reply:  # noqa: N802
        writes = [next(iter(write.items())) for write in request["TransactItems"]]
        codes = ["None" if self._holds(write) else "ConditionalCheckFailed" for _, write in writes]
        if set(codes) != {"None"}:
            reasons = [{"Code": code} for code in codes]
            text = _CANCELLED % ", ".join(codes)
            return _error("TransactionCanceledException", text, CancellationReasons=reasons)
        for kind, write in writes:
            if kind == "Put":
                self._put(write)
            elif kind == "Update":
                self._update(write)
        return 200, b"{}"

    def _put(self, request: dict[str, Any]) -> None:
        self.items[_key(request["TableName"], request["Item"])] = request["Item"]

    def _update(self, request: dict[str, Any]) -> None:
        """Apply the plain assignments of a SET."""
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        item = dict(self.items.get(_key(request["TableName"], request["Key"]), request["Key"]))
        for assignment in request["UpdateExpression"].removeprefix("SET ").split(","):
            name, _, value = assignment.strip().partition(" = ")
            item[names.get(name, name)] = values[value]
        self.items[_key(request["TableName"], request["Key"])] = item

    def _holds(self, request: dict[str, Any]) -> bool:
        """Evaluate the two conditions that a callback writes under: the item is absent, or of the version seen."""
        item = self.items.get(_key(request["TableName"], request.get("Item") or request["Key"]))
        condition = request.get("ConditionExpression", "")
        if condition.startswith("attribute_not_exists"):
            return item is None
        if condition == "#version = :seen":
            return item is not None and item["version"] == request["ExpressionAttributeValues"][":seen"]
        return True


def _key(table: str, item: Item) -> tuple[str, ...]:
    names = _TABLE_KEYS.get(table, ("pk", "sk"))
    return (table, *(item[name]["S"] for name in names))


def _error(kind: str, message: str, **more: Any) -> Reply:
    name = f"com.amazonaws.dynamodb.v20120810#{kind}"
    return 400, json.dumps({"__type": name, "message": message, **more}).encode()


class Connection(asyncio.Protocol):
    """One kept HTTP/1.1 connection."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, end, rest = self.received.partition(b"\r\n\r\n")
            if not end:
                return
            method_line, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            body, self.received = rest[:length], rest[length:]
            self._answer(method_line.split(" ")[1], headers, body, len(head) + 4 + length)

    def _answer(self, path: str, headers: dict[str, str], body: bytes, size: int) -> None:
        target = headers.get("x-amz-target")
        if target:
            operation = target.rpartition(".")[2]
            self.database.requests[operation] += 1
            self.database.bytes[operation] += size
            status, content = self.database.handle(operation, json.loads(body))
        else:
            status, content = 200, self.database.control(path, body)
        reason = "OK" if status == 200 else "Bad Request"
        answer = (
            f"HTTP/1.1 {status} {reason}\r\nServer: Server\r\nDate: Sun, 22 Nov 2026 06:00:00 GMT\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(content)}\r\nConnection: keep-alive\r\n"
            "x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
            f"x-amz-crc32: {binascii.crc32(content)}\r\n\r\n"
        )
        self.transport.write(answer.encode() + content)


async def main(certificate: list[str]) -> None:
    """Serve until killed."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    database = Database()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(database), "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
