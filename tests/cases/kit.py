"""What a case stands on: the product's functions in process, a shop's account, and messages as the platforms sign them.

A case is one story from the field: what a platform sent, or a merchant asked for, and what has to come of it. Cases
come from outside as well, and reach the product by the names of `__all__` alone: those, and what they mean, do not
change. Signatures are made here without the product's code. Whatever is called otherwise in the product one day is
named anew in one place, below.
"""

import base64
import contextlib
import hashlib
import hmac
import importlib
import io
import json
import os
import sys
import tempfile
import time
import warnings
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode, urlsplit

import requests
import time_machine
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto import mock_aws

ROOT = Path(__file__).parents[2]
for _entry in (str(ROOT), str(ROOT / "layers/common")):
    if _entry not in sys.path:
        sys.path.insert(0, _entry)
os.chdir(ROOT)

import tests.conftest  # noqa: E402, F401 - the environment that functions read when they are imported

# Every name of the product that a case depends on, in this one place.
from countersign.money import Money  # noqa: E402
from countersign.orders import changes as facts  # noqa: E402
from countersign.runtime import platform_http  # noqa: E402
from countersign.store import OrderStore, account_names  # noqa: E402
from sandbox.simulators.douyin import Simulator as Douyin  # noqa: E402
from sandbox.simulators.wechat import Simulator as Wechat  # noqa: E402
from tests.functions import conftest  # noqa: E402
from tests.functions.test_douyin import Wire  # noqa: E402
from tests.infra.reading import functions, routes  # noqa: E402
from tests.platforms.douyin import support as douyin_support  # noqa: E402

CREATED, PREPARED, TERMS = facts.OrderCreated, facts.Prepared, facts.Terms
FUNCTIONS: dict[str, str] = {}  # what a function is called now, where cases know it by an older name

__all__ = [
    "AESGCM", "BASE", "DYBASE", "KEYS", "NOW", "ROOT", "VECTORS", "Cipher", "Path", "Scripted", "SimpleNamespace",
    "World", "algorithms", "base64", "contextlib", "douyin_document", "ecpay", "hashes", "hashlib", "hmac", "importlib",
    "io", "json", "modes", "notice_v2", "notice_v3", "os", "padding", "private", "push_request", "seal_req_info",
    "seal_v3", "serialization", "shop_document", "sign_v2", "sign_v3", "sys", "tempfile", "time", "trade", "urlsplit",
    "world", "xml",
]  # fmt: skip

BASE = "http://127.0.0.1:1/wechat"
DYBASE = "http://127.0.0.1:1/douyin"
VECTORS = json.loads((ROOT / "tests/vectors/wechat_public.json").read_text("utf-8"))
KEYS = VECTORS["throwaway_platform_private_keys"]
NOW = 1795328845  # 2026-11-22 14:27:25 in Beijing


def _document(path, changes):
    document = json.loads((ROOT / "tests/accounts" / path).read_text("utf-8"))
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def shop_document(**changes):
    """Return a WeChat account's document; a change to None leaves a field out."""
    return _document("wechat/shop.json", changes)


def douyin_document(**changes):
    """Return a Douyin account's document; a change to None leaves a field out."""
    return _document("douyin/app.json", changes)


def private(pem):
    """Return the private key of a PEM text."""
    return serialization.load_pem_private_key(pem.encode(), None)


def _compact(content):
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _rsa_signature(pem, message):
    return base64.b64encode(private(pem).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def seal_v3(resource, key, aad="transaction", nonce="c9EKOeyGOZab", original_type="transaction"):
    """Return the `resource` of a v3 notice, sealed with an APIv3 key."""
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), _compact(resource).encode(), aad.encode())
    return {
        "original_type": original_type,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": aad,
        "nonce": nonce,
    }


def sign_v3(body, at, key=None, nonce="YbGh7l7i5gxExeE8"):
    """Return the headers of a v3 notice that WeChat signed at `at`."""
    key = key or KEYS["wechatpay_public_key"]
    return {
        "content-type": "application/json",
        "wechatpay-timestamp": str(at),
        "wechatpay-nonce": nonce,
        "wechatpay-serial": key.get("id") or key["serial"],
        "wechatpay-signature": _rsa_signature(key["private_pem"], f"{at}\n{nonce}\n".encode() + body + b"\n"),
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        "user-agent": "Mozilla/4.0",
    }


def notice_v3(
    resource,
    event_type,
    at,
    document,
    *,
    original_type="transaction",
    aad="transaction",
    id="5f0a1c2e-3b4d-5e6f-8a9b-0c1d2e3f4a5b",  # noqa: A002 - its name on the wire
    summary="支付成功",
):
    """Return a genuine v3 notice to an account: body and headers."""
    envelope = {
        "id": id,
        "create_time": time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(at - 2 + 8 * 3600)),
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": summary,
        "resource": seal_v3(resource, document["api_v3_keys"][0], aad=aad, original_type=original_type),
    }
    body = _compact(envelope).encode()
    return body, sign_v3(body, at)


def sign_v2(fields, key, sign_type="MD5"):
    """Return the `sign` of API v2 over the fields that have a value."""
    row = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name != "sign")
    text = f"{row}&key={key}".encode()
    if sign_type == "MD5":
        return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()


def xml(fields, root="xml", plain=()):
    """Return the flat XML of API v2; the fields named by `plain` stand without CDATA."""
    rows = (f"<{n}>{v}</{n}>" if n in plain else f"<{n}><![CDATA[{v}]]></{n}>" for n, v in fields.items())
    return f"<{root}>{''.join(rows)}</{root}>".encode()


def notice_v2(fields, document, **how):
    """Return a genuine v2 notice to an account: body and headers; `how` goes to `xml`."""
    made = sign_v2(fields, document["api_v2_keys"][0], document.get("v2_sign_type", "MD5"))
    return xml({**fields, "sign": made}, **how), {"content-type": "text/xml", "user-agent": "Mozilla/4.0"}


def seal_req_info(inner, key):
    """Return the `req_info` of a v2 refund notice, whose XML is `inner`."""
    count = 16 - len(inner) % 16
    aes = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest().encode()
    encryptor = Cipher(algorithms.AES(aes), modes.ECB()).encryptor()  # noqa: S305 - WeChat's choice
    return base64.b64encode(encryptor.update(inner + bytes([count]) * count) + encryptor.finalize()).decode()


def _sha1_of_sorted(*parts):
    joined = "".join(sorted(parts, key=lambda part: part.encode()))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def push_request(message, document, at, *, as_xml=False, nonce="1320562132"):
    """Return a push in secure mode: body, query and headers; a message is a dict, or text or bytes as they are."""
    push = document["push"]
    text = message if isinstance(message, str | bytes) else json.dumps(message, ensure_ascii=False)
    text = text.encode() if isinstance(text, str) else text
    key = base64.b64decode(push["encoding_aes_keys"][0] + "=")
    framed = b"0123456789abcdef" + len(text).to_bytes(4, "big") + text + document["appid"].encode()
    count = 32 - len(framed) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = base64.b64encode(encryptor.update(framed + bytes([count]) * count) + encryptor.finalize()).decode()
    query = {
        "signature": _sha1_of_sorted(push["token"], str(at), nonce),
        "timestamp": str(at),
        "nonce": nonce,
        "openid": "oField_Payer_000000000000001",
        "encrypt_type": "aes",
        "msg_signature": _sha1_of_sorted(push["token"], str(at), nonce, sealed),
    }
    if as_xml:
        outer = {"ToUserName": "gh_0123456789ab", "Encrypt": sealed}
        return xml(outer), query, {"content-type": "text/xml"}
    body = json.dumps({"ToUserName": "gh_0123456789ab", "Encrypt": sealed}).encode()
    return body, query, {"content-type": "application/json"}


def ecpay(message, kind, document, at, *, nonce="4711", token=None):
    """Return a callback of Douyin's guaranteed payment: body and headers."""
    text = _compact(message)
    made = _sha1_of_sorted(token or document["tokens"][0], str(at), nonce, text)
    outer = {"timestamp": str(at), "nonce": nonce, "msg": text, "msg_signature": made, "type": kind}
    return json.dumps(outer, ensure_ascii=False).encode(), {"content-type": "application/json"}


def trade(message, kind, at, *, nonce="Fieldnonce01"):
    """Return a callback of Douyin's trade system: body and headers."""
    body = _compact({"version": "3.0", "type": kind, "msg": _compact(message)}).encode()
    message = f"{at}\n{nonce}\n".encode() + body + b"\n"
    return body, {
        "content-type": "application/json",
        "byte-timestamp": str(at),
        "byte-nonce-str": nonce,
        "byte-signature": _rsa_signature(douyin_support.KEYS["pub_platform"], message),
        "byte-identifyname": "x",
        "byte-logid": "20261122000001",
    }


class World:
    """One stack in process with a frozen clock: `clock.shift(s)`, `clock.move_to(t)`.

    `wechat` and `dy` carry the product's calls to the simulators (`.simulator.control(what, body)`, `.sent`);
    `wechat.hook(method, path, query, body)` may answer a call instead: (status, headers, bytes), or None.
    `documents` are WeChat's account documents by name, `store` is the order store, `cloud` the AWS clients.
    """

    def __init__(self, clock, adapter, dywire, shown):
        self.clock, self.wechat, self.dy, self.shown = clock, adapter, dywire, shown
        self.conftest = conftest
        self.cloud = conftest.Cloud(clock, adapter, shown)
        self.store = OrderStore(self.cloud.dynamodb, "Orders")
        self.documents = {}

    @property
    def now(self):
        """Return the clock's epoch seconds."""
        return int(time.time())

    def account(self, platform, name, document):
        """Add an account."""
        self.cloud.secretsmanager.create_secret(
            Name=f"countersign/test/{platform}/{name}", SecretString=json.dumps(document)
        )

    def invoke(self, function, event, **how):
        """Call a function with an event."""
        return self.cloud.invoke(FUNCTIONS.get(function, function), event, **how)

    def http(self, function, method, route, parameters, body=None, headers=None, query=None, claims=None):
        """Call a route as API Gateway does; the template says which function has it, else it is `function`."""
        members = {}
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
            members["body"] = base64.b64encode(raw).decode()
        if query:
            members |= {"queryStringParameters": query, "rawQueryString": urlencode(query)}
        event = conftest.http_event(method, route, parameters, claims=claims or {}, headers=headers or {}, **members)
        event["isBase64Encoded"] = body is not None
        return self.invoke(_functions_of_routes().get(f"{method} {route}", function), event)

    def notify(self, account, body, headers):
        """Bring a notice of WeChat Pay."""
        return self.http("wechat_notify", "POST", "/wechat/{account}/notify", {"account": account}, body, headers)

    def push(self, account, body, query, headers):
        """Bring a message push."""
        return self.http("wechat_push", "POST", "/wechat/{account}/push", {"account": account}, body, headers, query)

    def callback(self, account, body, headers):
        """Bring a callback of Douyin."""
        return self.http("douyin_callback", "POST", "/douyin/{account}/callback", {"account": account}, body, headers)

    def create(self, account, body, headers=None, platform="wechat"):
        """Create a payment through the merchant API."""
        route = f"/{platform}/{{account}}/payments"
        return self.http(f"{platform}_create_payment", "POST", route, {"account": account}, body, headers)

    def open(
        self, platform, account, order_id, minor, *, system="v3", method="jsapi", at=None, appid="", tenant="", **terms
    ):
        """Have the order recorded as the create function does, without asking the platform."""
        at = at or self.now
        key = facts.OrderKey(platform, account, order_id)
        made = TERMS(Money(minor, "CNY"), system, method, "d", at, at + 7200, description="tea", appid=appid, **terms)
        shop, asked = facts.Operator("shop"), facts.Queried()
        self.store.record(facts.Change(key, CREATED(made), shop, "merchant", tenant, system), now=at)
        self.store.record(facts.Change(key, PREPARED(), asked, "query", tenant), now=at)
        return key

    def order(self, platform, account, order_id):
        """Return what the merchant API says of an order: status and content."""
        return self.api("GET", "", platform, account, order_id)

    def api(self, method, tail, platform, account, order_id, body=None, headers=None, claims=None, **more):
        """Call a route below an order: status and content."""
        names = {"platform": platform, "account": account, "order_id": order_id, **more}
        route = "/orders/{platform}/{account}/{order_id}" + tail
        answer = self.http("orders_api", method, route, names, body, headers, claims=claims)
        try:
            return answer["statusCode"], json.loads(answer["body"])
        except ValueError:
            return answer["statusCode"], answer["body"]

    def exceptions(self):
        """Return what waits for a person, all pages of it: kind, order number and reason."""
        found, query = [], {}
        while True:
            page = json.loads(self.http("orders_api", "GET", "/exceptions", {}, query=query)["body"])
            found += [(row["kind"], row["order_id"], row["reason"]) for row in page["exceptions"]]
            if page["cursor"] == query.get("cursor"):  # the last page is the one whose cursor stays the same
                return found
            query = {"cursor": page["cursor"]}

    def run(self, function, seconds=0, event=None):
        """Run a function that nobody calls, `seconds` later."""
        self.clock.shift(seconds)
        return self.invoke(function, event or {"source": "aws.scheduler"}, remaining_ms=900_000)

    def refund(self, platform, account, order_id, minor=None, reason="", key=None):
        """Have one person ask for a refund, of everything where `minor` is None: status and content."""
        body = {"reason": reason}
        if minor is not None:
            body["amount"] = {"minor": minor, "currency": "CNY"}
        headers = {"idempotency-key": key} if key else {}
        return self.api("POST", "/refunds", platform, account, order_id, body, headers, claims={"sub": "ben"})

    def approve(self, platform, account, order_id, refund_id):
        """Have another person approve it: status and content."""
        person = {"sub": "carla", "username": "carla"}
        tail = "/refunds/{refund_id}/approve"
        return self.api("POST", tail, platform, account, order_id, {}, claims=person, refund_id=refund_id)


@cache
def _functions_of_routes():
    """Return the folder of the function that answers each route, by `METHOD path`."""
    return {route: Path(functions()[name]["CodeUri"]).name for route, (name, _) in routes().items()}


class Scripted:
    """Stands before the simulator: `hook(method, path, query, body)` may answer (status, headers, bytes) itself."""

    def __init__(self, adapter):
        self.adapter, self.hook = adapter, None


class _Adapter(conftest.WechatAdapter):
    """The way to WeChat's simulator, with somebody who may answer first."""

    hook = None

    def send(self, request, **options):
        parts = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        path = parts.path.removeprefix("/wechat")
        made = self.hook(request.method, path, parts.query, body) if self.hook else None
        if made is None:
            return super().send(request, **options)
        self.sent.append(f"{request.method} {parts.path}")
        response = requests.Response()
        response.status_code, response.raw = made[0], io.BytesIO(made[2])
        response.headers.update(made[1])
        response.request, response.url = request, str(request.url)
        return response


@contextlib.contextmanager
def _reached(adapters):
    """Have the product's sessions reach the simulators, and nobody afterwards."""
    shared, certified = platform_http.session(), platform_http.certified_session

    def mounted(session):
        for prefix, adapter in adapters.items():
            session.mount(prefix, adapter)
        return session

    platform_http.certified_session = lambda *pems: mounted(certified(*pems))
    try:
        mounted(shared)
        yield
    finally:
        platform_http.certified_session = certified
        for prefix in adapters:
            del shared.adapters[prefix]


@contextlib.contextmanager
def _environment(values):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def world(now=NOW, extra_wechat=None, extra_douyin=None):
    """Yield a World at `now`; accounts `shop`, `classic` (WeChat) and `app` (Douyin) are there, and those given."""
    for name in [name for name in sys.modules if name.startswith("functions.")]:
        del sys.modules[name]  # containers are fresh
    account_names.unmarked.clear()  # nor do they know accounts of another world
    documents = {"shop": shop_document(), "classic": _document("wechat/classic.json", {}), **(extra_wechat or {})}
    prepared = {name: Wechat.prepare_account(document, BASE) for name, document in documents.items()}
    douyin = {"app": douyin_document(), **(extra_douyin or {})}
    dyprepared = {name: Douyin.prepare_account(document, DYBASE) for name, document in douyin.items()}
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        clock = stack.enter_context(time_machine.travel(now, tick=False))
        stack.enter_context(mock_aws())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ticking, shown = SimpleNamespace(now=time.time), []
        inbox = SimpleNamespace(add=lambda kind, entry: shown.append((kind, entry)))
        adapter = _Adapter(Wechat(ticking, prepared, inbox, "https://pay.example.com", folder))
        dywire = Wire(Douyin(ticking, dyprepared, inbox, "https://pay.example.com", folder))
        made = World(clock, adapter, dywire, shown)
        made.documents = documents
        conftest._provision(made.cloud, prepared)
        for name, document in dyprepared.items():
            made.account("douyin", name, document)
        queue = made.cloud.sqs.create_queue(QueueName="poll")["QueueUrl"]
        stack.enter_context(_environment({"POLL_QUEUE_URL": queue}))
        stack.enter_context(_reached({BASE: adapter, DYBASE: dywire}))
        yield made
