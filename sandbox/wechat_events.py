"""Sample events of the WeChat functions, signed with the keys that the public test vectors publish."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sandbox import event_shapes as shapes
from sandbox.simulators.wechat import crypto, xml
from sandbox.simulators.wechat.ledger import beijing

if TYPE_CHECKING:
    from sandbox.event_shapes import Event

ROOT = Path(__file__).resolve().parent.parent
NOTIFY = "POST /wechat/{account}/notify"
CREATE = "POST /wechat/{account}/payments"
ORDER = "/orders/{platform}/{account}/{order_id}"
CLASSIC_KEY = "Cl4ss1cThr0wAwayKey0fTheTestEvnt"
OPENID = "oThrow4wayOpenid_public-000001"
PEOPLE = "payments:write orders:read refunds:approve"


@dataclass(frozen=True)
class Case:
    """One event, what a function answers to it, and what must be there before.

    `order` is what the merchant created before, `becomes` the order's status afterwards; `after` names cases to run
    before; `needs_platform` that the function calls WeChat.
    """

    event: Event
    status: int | None
    why: str
    order: dict[str, Any] = field(default_factory=dict)
    becomes: str = ""
    after: tuple[str, ...] = ()
    needs_platform: bool = False


class Keys:
    """WeChat's and two merchants' throwaway keys."""

    def __init__(self) -> None:
        published = json.loads((ROOT / "tests/vectors/wechat_public.json").read_text(encoding="utf-8"))
        self._keys = published["throwaway_platform_private_keys"]
        public, certificate = self._keys["wechatpay_public_key"], self._keys["platform_certificate"]
        self.public = crypto.SigningKey(public["id"], _private(public), public["public_pem"])
        self.certificate = crypto.SigningKey(certificate["serial"], _private(certificate), certificate["cert_pem"])
        self.api_v3_key = str(self._keys["apiv3_key"])

    def accounts(self) -> dict[str, dict[str, Any]]:
        """Return the account documents the events are for: `shop` (v3, and v2 while it moves) and `classic` (v2)."""
        merchant = self._keys["merchant"]
        shop = {
            "mchid": merchant["mchid"],
            "appid": "wxa1b2c3d4e5f60718",
            "api": "v3",
            "api_v3_keys": [self.api_v3_key],
            "api_v2_keys": [self._keys["api_v2_key"]],
            "v2_sign_type": "MD5",
            "merchant_private_key_pem": merchant["private_pem"],
            "merchant_serial": merchant["serial"],
            "merchant_cert_pem": merchant["cert_pem"],
            "wechatpay_public_keys": [{"id": self.public.serial, "pem": self.public.pem}],
            "platform_certificates": [self.certificate.pem],
            "mini_program_secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "paid_late_policy": "ask",
        }
        classic = shop | {
            "mchid": "1900099002",
            "appid": "wxa1b2c3d4e5f60719",
            "api": "v2",
            "api_v3_keys": [],
            "api_v2_keys": [CLASSIC_KEY],
            "v2_sign_type": "HMAC-SHA256",
            "wechatpay_public_keys": [],
            "platform_certificates": [],
        }
        return {"shop": shop, "classic": classic}


def _private(entry: dict[str, str]) -> Any:
    return load_pem_private_key(entry["private_pem"].encode(), None)


class Maker:
    """Makes every case for one moment; the same moment makes the same bytes."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.keys = Keys()
        self.documents = self.keys.accounts()

    def cases(self) -> dict[str, Case]:
        """Return all cases by `function.case`."""
        return {**self._notify(), **self._create(), **self._poll(), **self._orders_api(), **self._streams()}

    # Notices of API v3

    def _text(self, name: str, length: int) -> str:
        """Return something that looks random and is the same each time."""
        return (
            base64.b64encode(hashlib.sha512(name.encode()).digest())
            .decode()
            .replace("+", "x")
            .replace("/", "y")[:length]
        )

    def _transaction(self, case: str, **changes: Any) -> dict[str, Any]:
        return {
            "mchid": self.documents["shop"]["mchid"],
            "appid": self.documents["shop"]["appid"],
            "out_trade_no": _number(case),
            "transaction_id": _transaction_id(case),
            "trade_type": "JSAPI",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "attach": "",
            "success_time": beijing(self.now - 20).isoformat(),
            "payer": {"openid": OPENID},
            "amount": {"total": 8800, "payer_total": 8800, "currency": "CNY", "payer_currency": "CNY"},
        } | changes

    def _envelope(self, case: str, event_type: str, kind: str, resource: dict[str, Any]) -> bytes:
        nonce = self._text(f"{case} seal", 12)
        plain = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
        sealed = AESGCM(self.keys.api_v3_key.encode()).encrypt(nonce.encode(), plain, kind.encode())
        envelope = {
            "id": shapes.stable_uuid(case),
            "create_time": beijing(self.now).isoformat(),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": "退款成功" if kind == "refund" else "支付成功",
            "resource": {
                "original_type": kind,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": kind,
                "nonce": nonce,
            },
        }
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()

    def _v3(
        self,
        case: str,
        body: bytes,
        *,
        age: int = 0,
        key: crypto.SigningKey | None = None,
        probe: bool = False,
        account: str = "shop",
        **shape: Any,
    ) -> Event:
        signer, timestamp, nonce = key or self.keys.public, str(self.now - age), self._text(f"{case} nonce", 32)
        signature = signer.sign(timestamp, nonce, body)
        head = "WECHATPAY/SIGNTEST/"
        headers = {
            "Content-Type": "application/json",
            "Accept": "*/*",
            "User-Agent": "Mozilla/4.0",
            "Request-ID": f"{shapes.stable_uuid(case + ' id').replace('-', '').upper()}-0",
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": signer.serial,
            "Wechatpay-Signature": head + signature[len(head) :] if probe else signature,
            "Wechatpay-Signature-Type": crypto.SIGNATURE_TYPE,
        } | shape.pop("headers", {})
        sent = shape.pop("sent", body)
        return shapes.http(NOTIFY, self.now, parameters={"account": account}, headers=headers, body=sent, **shape)

    def _payment(self, case: str, event_type: str = "TRANSACTION.SUCCESS", **changes: Any) -> bytes:
        return self._envelope(case, event_type, "transaction", self._transaction(case, **changes))

    def _notify(self) -> dict[str, Case]:
        amount = self._transaction("x")["amount"]
        good = self._payment("tampered")
        doubled = self._payment("duplicate-json-key").replace(b'{"id":', b'{"id":"0","id":')
        refund = {
            "mchid": self.documents["shop"]["mchid"],
            "out_trade_no": _number("paid-v3"),
            "transaction_id": _transaction_id("paid-v3"),
            "out_refund_no": "CONSOLE-20261122-1",
            "refund_id": "50302101202611221520000001",
            "refund_status": "SUCCESS",
            "amount": {"total": 8800, "refund": 800, "payer_total": 8800, "payer_refund": 800},
            "user_received_account": "支付用户零钱",
            "success_time": beijing(self.now - 5).isoformat(),
        }
        made: dict[str, tuple[Event, int, str, str]] = {
            "paid-v3": (self._v3("paid-v3", self._payment("paid-v3")), 204, "paid", "a genuine payment"),
            "paid-v3-base64": (
                self._v3("paid-v3-base64", self._payment("paid-v3-base64"), encoded=True), 204, "paid",
                "the gateway encoded the body; the signature is over the bytes",
            ),
            "paid-v3-certificate": (
                self._v3("paid-v3-certificate", self._payment("paid-v3-certificate"), key=self.keys.certificate), 204,
                "paid", "signed with the platform certificate, as older merchants still get them",
            ),
            "tampered": (
                self._v3("tampered", good, sent=good.replace(b"TRANSACTION.SUCCESS", b"TRANSACTION.SUCCESs")), 401, "",
                "one byte differs from what was signed",
            ),
            "stale": (self._v3("stale", self._payment("stale"), age=301), 401, "", "signed 301 seconds ago"),
            "signtest": (
                self._v3("signtest", self._payment("signtest"), probe=True), 401, "", "WeChat's signature probe",
            ),
            "other-merchant": (
                self._v3("other-merchant", self._payment("other-merchant", mchid="1900099009")), 401, "",
                "genuine, but another merchant's",
            ),
            "wrong-amount": (
                self._v3("wrong-amount", self._payment("wrong-amount", amount=amount | {"total": 8801})), 204, "review",
                "genuine, but one fen more than the order",
            ),
            "wrong-currency": (
                self._v3("wrong-currency", self._payment("wrong-currency", amount=amount | {"currency": "USD"})), 204,
                "review", "genuine, but not in the order's currency",
            ),
            "unknown-status": (
                self._v3("unknown-status", self._payment("unknown-status", "TRANSACTION.TELEPORTED")), 204, "pending",
                "an event type that nobody has told us about: kept, changes nothing",
            ),
            "duplicate-json-key": (
                self._v3("duplicate-json-key", doubled), 400, "", "signed, but one name twice in the JSON",
            ),
            "gzip": (
                self._v3("gzip", self._payment("gzip"), headers={"Content-Encoding": "gzip"}), 415, "",
                "a compressed body is not taken",
            ),
            "unknown-account": (
                self._v3("unknown-account", self._payment("unknown-account"), account="nobody"), 404, "",
                "no account of that name",
            ),
        }  # fmt: skip
        cases = {
            f"wechat_notify.{name}": Case(event, status, why, self._order(name) if becomes else {}, becomes)
            for name, (event, status, becomes, why) in made.items()
        }
        cases["wechat_notify.refund-v3"] = Case(
            self._v3("refund-v3", self._envelope("refund-v3", "REFUND.SUCCESS", "refund", refund)), 204,
            "a refund from the merchant's console becomes a child of its order", self._order("paid-v3"),
            "partially_refunded", after=("wechat_notify.paid-v3",),
        )  # fmt: skip
        return cases | self._notify_v2()

    # Notices of API v2

    def _v2(self, fields: dict[str, str]) -> bytes:
        return xml.write(fields | {"sign": crypto.sign_v2(fields, CLASSIC_KEY, "HMAC-SHA256")})

    def _post_v2(self, body: bytes) -> Event:
        headers = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Pragma": "no-cache", "Accept": "*/*"}
        return shapes.http(NOTIFY, self.now, parameters={"account": "classic"}, headers=headers, body=body)

    def _paid_v2(self, case: str) -> dict[str, str]:
        return {
            "return_code": "SUCCESS",
            "result_code": "SUCCESS",
            "appid": self.documents["classic"]["appid"],
            "mch_id": self.documents["classic"]["mchid"],
            "nonce_str": self._text(case, 32),
            "openid": OPENID,
            "is_subscribe": "N",
            "trade_type": "JSAPI",
            "bank_type": "OTHERS",
            "total_fee": "8800",
            "fee_type": "CNY",
            "cash_fee": "8800",
            "transaction_id": _transaction_id(case),
            "out_trade_no": _number(case),
            "attach": "门店:深圳湾#3",
            "time_end": f"{beijing(self.now - 20):%Y%m%d%H%M%S}",
        }

    def _notify_v2(self) -> dict[str, Case]:
        paid = self._v2(self._paid_v2("paid-v2"))
        refund = {
            "out_refund_no": "CONSOLE-20261122-2",
            "out_trade_no": _number("paid-v2"),
            "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
            "refund_fee": "800",
            "refund_id": "50302101202611221520000002",
            "refund_recv_accout": "支付用户零钱",
            "refund_request_source": "VENDOR_PLATFORM",
            "refund_status": "SUCCESS",
            "settlement_refund_fee": "800",
            "settlement_total_fee": "8800",
            "success_time": f"{beijing(self.now - 5):%Y-%m-%d %H:%M:%S}",
            "total_fee": "8800",
            "transaction_id": _transaction_id("paid-v2"),
        }
        hint = {
            "return_code": "SUCCESS",
            "appid": self.documents["classic"]["appid"],
            "mch_id": self.documents["classic"]["mchid"],
            "nonce_str": self._text("refund-v2", 32),
            "req_info": crypto.seal_refund(CLASSIC_KEY, xml.write(refund, "root")),
        }
        order = self._order("paid-v2", account="classic")
        typed = b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/evil.dtd">'
        return {
            "wechat_notify.paid-v2": Case(self._post_v2(paid), 200, "a genuine payment", order, "paid"),
            "wechat_notify.tampered-v2": Case(
                self._post_v2(paid.replace(b"<total_fee>8800", b"<total_fee>8801")), 401, "one signed field differs",
            ),
            "wechat_notify.doctype": Case(
                self._post_v2(typed + paid), 400, "a document type is refused before the document is parsed",
            ),
            "wechat_notify.refund-v2-hint": Case(
                self._post_v2(xml.write(hint)), 200, "nothing signs it: only a query of the refund follows", order,
                "paid", after=("wechat_notify.paid-v2",),
            ),
        }  # fmt: skip

    def _order(self, case: str, account: str = "shop") -> dict[str, Any]:
        system = self.documents[account]["api"]
        return {"account": account, "order_id": _number(case), "minor": 8800, "currency": "CNY", "system": system}

    # The merchant's calls

    def _create_event(self, body: dict[str, Any] | str, case: str, account: str = "shop", accounts: str = "*") -> Event:
        return shapes.http(
            CREATE,
            self.now,
            parameters={"account": account},
            headers={"Content-Type": "application/json", "Idempotency-Key": shapes.stable_uuid(case)},
            body=body if isinstance(body, str) else json.dumps(body, ensure_ascii=False),
            claims=shapes.claims(self.now, "payments:write", accounts=accounts),
        )

    def _create(self) -> dict[str, Case]:
        def body(case: str, **changes: Any) -> dict[str, Any]:
            wanted = {
                "order_id": _number(case),
                "amount": {"minor": 8800, "currency": "CNY"},
                "description": "测试商品-奶茶",
                "payer": {"openid": OPENID},
                "client_ip": "203.0.113.7",
            } | changes
            return {name: value for name, value in wanted.items() if value is not None}

        def create(case: str, status: int, why: str, content: dict[str, Any] | str, **where: str) -> Case:
            return Case(self._create_event(content, case, **where), status, why, needs_platform=status == 201)

        h5 = body("create-h5", method="h5", payer=None, h5={"type": "Wap"})
        native = body("create-native", method="native", payer=None)
        return {
            "wechat_create_payment.jsapi": create("jsapi", 201, "what wx.requestPayment wants", body("create-jsapi")),
            "wechat_create_payment.native": create("native", 201, "a code_url to show as QR code", native),
            "wechat_create_payment.h5": create("h5", 201, "an h5_url to open", h5),
            "wechat_create_payment.v2-jsapi": create(
                "v2", 201, "the same over API v2", body("create-v2"), account="classic"
            ),
            "wechat_create_payment.bad-body": create("bad-body", 400, "not JSON", '{"order_id": "EV'),
            "wechat_create_payment.fraction": create(
                "fraction", 422, "an amount is a whole number of fen", body("fraction", amount={"minor": 88.0, "currency": "CNY"})
            ),
            "wechat_create_payment.no-payer": create(
                "no-payer", 422, "JSAPI needs an openid or a log-in code", body("no-payer", payer=None)
            ),
            "wechat_create_payment.other-account": create(
                "other-account", 404, "the token is for another account", body("other"), accounts="[wechat/classic]"
            ),
        }  # fmt: skip

    def _poll(self) -> dict[str, Case]:
        message = json.dumps({"platform": "wechat", "account": "shop", "order_id": _number("poll")})
        return {
            "wechat_poll.schedule": Case(
                shapes.schedule("WechatPollEveryMinute", self.now), None, "everything that is due is asked about",
                needs_platform=True,
            ),
            "wechat_poll.sqs": Case(
                shapes.sqs("WechatPollQueue", [message], self.now), None, "one order's early look",
                self._order("poll"), needs_platform=True,
            ),
        }  # fmt: skip

    def _orders_api(self) -> dict[str, Case]:
        paid = ("wechat_notify.paid-v3",)
        known = {"platform": "wechat", "account": "shop", "order_id": _number("paid-v3")}
        wrong = known | {"order_id": _number("wrong-amount")}
        review = wrong | {"review_id": f"amount_mismatch.{_transaction_id('wrong-amount')}"}

        def ask(route: str, status: int, why: str, *, after: tuple[str, ...] = (), **shape: Any) -> Case:
            signed_in = {} if shape.pop("anonymous", False) else {"claims": shapes.claims(self.now, PEOPLE)}
            order = {} if not after else self._order(after[0].partition(".")[2])
            becomes = shape.pop("becomes", "")
            return Case(shapes.http(route, self.now, **signed_in, **shape), status, why, order, becomes, after)

        resolve = json.dumps({"decision": "accept", "note": "the shopper rounded up"})
        json_type = {"Content-Type": "application/json"}
        return {
            "orders_api.get": ask(f"GET {ORDER}", 200, "one order", after=paid, parameters=known),
            "orders_api.explanation": ask(
                f"GET {ORDER}/explanation", 200, "why it is paid", after=paid, parameters=known
            ),
            "orders_api.unknown": ask(
                f"GET {ORDER}", 404, "no such order", parameters=known | {"order_id": "EV-NEVER"}
            ),
            "orders_api.list": ask("GET /orders", 200, "an account's orders", after=paid, query="account=wechat/shop"),
            "orders_api.transaction": ask(
                "GET /orders", 200, "the order that a transaction paid", after=paid,
                query=f"account=wechat/shop&transaction_id={_transaction_id('paid-v3')}",
            ),
            "orders_api.exceptions": ask(
                "GET /exceptions", 200, "what a person must look at", after=("wechat_notify.wrong-amount",)
            ),
            "orders_api.resolve": ask(
                f"POST {ORDER}/review/{{review_id}}/resolve", 200, "a person accepts the other amount",
                after=("wechat_notify.wrong-amount",), parameters=review, body=resolve, headers=json_type, becomes="paid",
            ),
            "orders_api.openapi": ask("GET /openapi.json", 200, "the published contract", anonymous=True),
        }  # fmt: skip

    # The outbox

    def _event_row(self, case: str, *, orphan: bool = False) -> Event:
        """Return an event's item as the orders table holds it."""
        event_id = f"paid.notify.{hashlib.sha256(case.encode()).hexdigest()}"
        fact = {
            "transaction_id": _transaction_id(case),
            "total": {"minor": 8800, "currency": "CNY"},
            "paid_at": self.now - 20,
            "payer_paid": 8800,
        }
        change = {
            "kind": "paid", "fact": fact, "trust": "verified", "key_id": self.keys.public.serial, "via": "notify",
            "tenant": self.documents["shop"]["mchid"], "system": "v3", "oddity": "", "envelope_id": shapes.stable_uuid(case),
        }  # fmt: skip
        row: Event = {
            "pk": {"S": f"wechat#shop#{_number(case)}"},
            "sk": {"S": f"EVENT#{event_id}"},
            "event_id": {"S": event_id},
            "kind": {"S": "paid"},
            "via": {"S": "notify"},
            "trust": {"S": "verified"},
            "key_id": {"S": self.keys.public.serial},
            "change": {"S": json.dumps(change, ensure_ascii=False, separators=(",", ":"))},
            "received_at": {"N": str(self.now)},
            "decision": {"S": "orphan" if orphan else "applied"},
        }
        if orphan:
            waiting = {"due_at": {"N": str(self.now + 60)}, "due_shard": {"S": "wechat_poll#0"}}
            return row | {"reason": {"S": "the order is not known here yet"}, "orphan": {"N": "1"}} | waiting
        published = {"emits": {"L": [{"S": "order.paid"}]}, "due_at": {"N": str(self.now + 60)}}
        return row | published | {"reason": {"S": "paid in full"}, "version": {"N": "3"}, "due_shard": {"S": "sweep#0"}}

    def _streams(self) -> dict[str, Case]:
        insert = (None, self._event_row("stream-insert"))
        attached = (self._event_row("stream-orphan", orphan=True), self._event_row("stream-orphan"))
        broken = (None, self._event_row("stream-broken") | {"pk": {"S": "no order's key"}})
        return {
            "publish.insert": Case(shapes.stream("Orders", [insert], self.now), None, "a new event goes on the bus"),
            "publish.orphan-attached": Case(
                shapes.stream("Orders", [attached], self.now), None, "an orphan whose order has appeared goes on the bus",
            ),
            "publish.mixed": Case(
                shapes.stream("Orders", [insert, broken, attached], self.now), None,
                "only the record that cannot be read is given back",
            ),
            "sweep.schedule": Case(
                shapes.schedule("SweepEveryMinute", self.now), None, "what the stream did not publish is published",
            ),
        }  # fmt: skip


def _number(case: str) -> str:
    """Return a case's order number."""
    return f"EV-{case}"[:32]


def _transaction_id(case: str) -> str:
    return f"42000029{int(hashlib.sha256(case.encode()).hexdigest()[:16], 16):020d}"[:28]
