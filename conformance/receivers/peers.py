"""Receivers as people write them with popular libraries: the recipe of the page that each cites, plus the least store.

The store keeps what the recipe hands over: an order that the message calls paid is paid. A library that says only
whether a message is genuine has no store, and is not judged at level 2. Headers that come twice are joined by a comma,
and what nobody catches is a 500, both as Flask has it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ..merchant import Order, State
from ..signers import rsa_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Answer = tuple[int, str, bytes]
BENCH = Path(__file__).parents[2] / "bench" / "peers" / "powertools" / "app.py"
OK_V2 = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"


class Peer:
    """One receiver with the least store."""

    title, platform, recipe = "", "", ""
    can = frozenset({"create", "state"})

    def __init__(self, values: Json) -> None:
        self.values = values
        self.kept = SimpleNamespace(orders={}, create=self._create)
        self.prepare()

    def prepare(self) -> None:
        """Make what the recipe makes once."""

    def handle(self, headers: dict[str, str], body: bytes, query: str) -> Answer:
        """Answer one message, as the recipe does."""
        raise NotImplementedError

    def receive(self, headers: tuple[tuple[str, str], ...], body: bytes, query: str = "") -> Answer:
        """Answer one message; what the recipe does not catch is the framework's 500."""
        joined: dict[str, str] = {}
        for name, value in headers:
            title = "-".join(part.capitalize() for part in name.split("-"))
            joined[title] = f"{joined[title]},{value}" if title in joined else value
        try:
            return self.handle(joined, body, query)
        except Exception:
            return 500, "text/html", b"<h1>Internal Server Error</h1>"

    def paid(self, number: str, minor: int) -> None:
        """Keep that an order is paid."""
        order = self.kept.orders.get(number)
        if order is not None and order["status"] != "paid":
            order |= {"status": "paid", "times": order["times"] + 1, "paid": minor}

    def _create(self, number: str, minor: int, currency: str) -> None:
        self.kept.orders[number] = {"status": "pending", "minor": minor, "currency": currency, "times": 0, "paid": 0}

    def create(self, order: Order) -> Json:
        """Make an order."""
        self.kept.create(order.number, order.minor, order.currency)
        return {}

    def state(self, order: Order) -> State:
        """Say what an order is."""
        found = self.kept.orders.get(order.number)
        return State("none") if found is None else State(found["status"], None, found["times"])

    def close(self, order: Order) -> None:
        """Close nothing."""

    def kill(self) -> None:
        """Kill nothing."""

    def store(self, *, up: bool) -> None:
        """Take nothing away."""


class NoState(Peer):
    """A recipe that ends where the message is known to be genuine."""

    can = frozenset()


class Wechatpayv3(Peer):
    """`result = wxpay.callback(headers=request.headers, body=request.data)`."""

    title, platform = "wechatpayv3", "wechat"
    recipe = "https://github.com/minibear2021/wechatpayv3/blob/03bfa0d0dc99d750c5f3a7da1d8dbbca8e6d66c5/README.md"

    def prepare(self) -> None:
        """Make the client once."""
        from wechatpayv3 import WeChatPay, WeChatPayType  # type: ignore[import-untyped]

        known = self.values["wechatpay_public_key"]
        self.wxpay = WeChatPay(
            wechatpay_type=WeChatPayType.NATIVE,
            mchid=self.values["mchid"],
            private_key=rsa_keys.private_pem(rsa_keys.new_private_key()),
            cert_serial_no="444F4864EA9B34415",
            apiv3_key=self.values["api_v3_key"],
            appid=self.values["appid"],
            notify_url="https://shop.example.com/notify",
            public_key=known["pem"],
            public_key_id=known["id"],
        )

    def handle(self, headers: dict[str, str], body: bytes, query: str) -> Answer:
        """Verify, open, and keep."""
        result = self.wxpay.callback(headers=headers, body=body)
        if result and result.get("event_type") == "TRANSACTION.SUCCESS":
            resource = result["resource"]
            self.paid(resource["out_trade_no"], resource["amount"]["total"])
            return 200, "application/json", b'{"code": "SUCCESS", "message": "OK"}'
        return 401, "application/json", b'{"code": "FAIL"}'


class Wechatpy(Peer):
    """`data = client.parse_payment_result(xml)`."""

    title, platform = "wechatpy", "wechat-v2"
    recipe = "https://github.com/wechatpy/wechatpy/blob/54a07fcd8c7a01940fd1240a8406897b0ec5b6b1/docs/pay.rst"

    def prepare(self) -> None:
        """Make the client once."""
        from wechatpy.pay import WeChatPay  # type: ignore[import-untyped]

        self.client = WeChatPay(self.values["appid"], self.values["api_v2_key"], self.values["mchid"])

    def handle(self, headers: dict[str, str], body: bytes, query: str) -> Answer:
        """Verify, and keep."""
        from wechatpy.exceptions import InvalidSignatureException  # type: ignore[import-untyped]

        try:
            data = self.client.parse_payment_result(body)
        except InvalidSignatureException:
            return 200, "text/xml", OK_V2.replace("SUCCESS", "FAIL").encode()
        if data.get("result_code") == "SUCCESS":
            self.paid(data["out_trade_no"], data["total_fee"])
        return 200, "text/xml", OK_V2.encode()


class StripeLibrary(Peer):
    """`event = Webhook.construct_event(payload, received_sig, webhook_secret)`."""

    title, platform = "stripe", "stripe"
    recipe = (
        "https://github.com/stripe/stripe-python/blob/07d70f543c92930889038c4dcb5b5ad0bb025c47/examples/webhooks.py"
    )

    def handle(self, headers: dict[str, str], body: bytes, query: str) -> Answer:
        """Verify; fulfil what is not unpaid, as https://docs.stripe.com/checkout/fulfillment does."""
        import stripe

        try:
            event = stripe.Webhook.construct_event(
                body, headers.get("Stripe-Signature"), self.values["webhook_secret"], api_key="sk_test_conformance"
            )
        except ValueError:
            return 400, "text/plain", b"Bad payload"
        except stripe.SignatureVerificationError:
            return 400, "text/plain", b"Bad signature"
        if event.type == "checkout.session.completed":
            session: Any = event.data.object
            if session.payment_status != "unpaid":
                self.paid(session.client_reference_id, session.amount_total)
        return 200, "text/plain", b""


class StandardWebhooks(NoState):
    """`Webhook(base64_secret).verify(webhook_payload, webhook_headers)`."""

    title, platform = "standardwebhooks", "bigcommerce"
    recipe = (
        "https://github.com/standard-webhooks/standard-webhooks/blob/c7cd8a9eadf9879d6dca345e168dc8d15d19e487"
        "/libraries/python/README.md"
    )

    def handle(self, headers: dict[str, str], body: bytes, query: str) -> Answer:
        """Verify."""
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError

        webhook = Webhook(self.values["client_secret"].encode())  # the key is the secret as it is written
        try:
            webhook.verify(body, {name.lower(): value for name, value in headers.items()})
        except WebhookVerificationError:
            return 401, "text/plain", b""
        return 200, "text/plain", b""


class PyJwt(NoState):
    """`jwt.decode(encoded, key, audience=..., algorithms=['HS256'])`."""

    title, platform = "PyJWT", "bigcommerce-app"
    recipe = "https://github.com/jpadilla/pyjwt/blob/008490a85932415ec14ab7d61c64216ddaef75fc/docs/usage.rst"

    def handle(self, headers: dict[str, str], body: bytes, query: str) -> Answer:
        """Decode."""
        import jwt

        token = parse_qs(query).get("signed_payload_jwt", [""])[0]
        try:
            jwt.decode(
                token,
                self.values["client_secret"],
                audience=self.values["client_id"],
                issuer="bc",
                algorithms=["HS256"],
            )
        except jwt.InvalidTokenError:
            return 401, "text/plain", b""
        return 200, "text/html", b"<h1>Welcome</h1>"


class Powertools(Peer):
    """The Powertools build of `bench/peers`: router, parser, idempotency in a table of its own, orders in another."""

    title, platform = "Powertools + wechatpayv3 (bench/peers)", "wechat"
    recipe = "../bench/peers/powertools/app.py"

    def prepare(self) -> None:
        """Load the function over tables that moto keeps; one request at a time, as moto is no database."""
        import boto3
        from moto import mock_aws

        known = self.values["wechatpay_public_key"]
        os.environ |= {
            "AWS_DEFAULT_REGION": "ap-southeast-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "POWERTOOLS_SERVICE_NAME": "peer",
            "MCHID": self.values["mchid"],
            "APPID": self.values["appid"],
            "API_V3_KEY": self.values["api_v3_key"],
            "MERCHANT_PRIVATE_KEY": rsa_keys.private_pem(rsa_keys.new_private_key()),
            "WECHATPAY_PUBLIC_KEY": known["pem"],
            "WECHATPAY_PUBLIC_KEY_ID": known["id"],
        }
        self.lock, self.cloud = threading.Lock(), mock_aws()
        self.cloud.start()
        client = boto3.client("dynamodb")
        for name, keys in (("orders", ("pk", "sk")), ("idempotency", ("id",))):
            client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "RANGE" if key == "sk" else "HASH"} for key in keys],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                BillingMode="PAY_PER_REQUEST",
            )
        self.table = boto3.resource("dynamodb").Table("orders")
        spec = importlib.util.spec_from_file_location("conformance_powertools_peer", BENCH)
        if spec is None or spec.loader is None:
            raise ImportError(str(BENCH))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        self.function = module.lambda_handler

    def handle(self, headers: dict[str, str], body: bytes, query: str) -> Answer:
        """Run the function on an event of an HTTP API."""
        event = {
            "version": "2.0",
            "routeKey": "POST /wechat/notify",
            "rawPath": "/wechat/notify",
            "rawQueryString": "",
            "headers": {name.lower(): value for name, value in headers.items()},
            "requestContext": {"http": {"method": "POST", "path": "/wechat/notify"}, "stage": "$default"},
            "body": body.decode("utf-8", "replace"),
            "isBase64Encoded": False,
        }
        context = SimpleNamespace(
            function_name="peer",
            memory_limit_in_mb=1024,
            invoked_function_arn="arn:aws:lambda:ap-southeast-1:123456789012:function:peer",
            aws_request_id="1",
            get_remaining_time_in_millis=lambda: 4000,
        )
        with self.lock:
            answer = self.function(event, context)
        return answer["statusCode"], "application/json", answer.get("body", "").encode()

    def create(self, order: Order) -> Json:
        """Make an order as the build's own create function would."""
        with self.lock:
            self.table.put_item(Item={"pk": f"ORDER#{order.number}", "sk": "STATE", "status": "PENDING"})
        return {}

    def state(self, order: Order) -> State:
        """Read it."""
        with self.lock:
            item = self.table.get_item(Key={"pk": f"ORDER#{order.number}", "sk": "STATE"})["Item"]
        return State(str(item["status"]).lower(), int(str(item["amount_total"])) if "amount_total" in item else None)


PEERS: tuple[type[Peer], ...] = (Wechatpayv3, Powertools, Wechatpy, StripeLibrary, StandardWebhooks, PyJwt)


@contextlib.contextmanager
def shopify_api(values: Json, folder: Path) -> Iterator[str]:
    """Serve `@shopify/shopify-api` by its recipe, with Node, until the end of the block; its address."""
    import subprocess

    environment = {
        "PATH": os.environ["PATH"],
        "SHOPIFY_CLIENT_ID": values["client_id"],
        "SHOPIFY_CLIENT_SECRET": values["client_secret"],
    }
    process = subprocess.Popen(
        ["node", "server.mjs"],  # noqa: S607 - as make finds it
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        yield f"http://127.0.0.1:{json.loads(line)['port']}/notify"
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()
