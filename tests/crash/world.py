"""One merchant, one WeChat and empty tables, on a clock that stands still: made anew for each crash."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import botocore.session
from boto3.dynamodb.types import TypeDeserializer

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Paid, Terms, Verified
from countersign.store import OrderStore
from sandbox.deployment import subscribe
from sandbox.events import shapes
from sandbox.provision import make_queue
from sandbox.simulators.wechat import Simulator, pushes
from sandbox.simulators.wechat.ledger import Trade
from sandbox.template import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.testing import LocalCloud, Run, Stack

NOON = 1_795_328_845
STORE_ORDER_ID = "3705115058471208928"
ORDER_ID = "crash-0001"
PRICE = Money(8800, "CNY")
# What may differ between an undisturbed run and one that was killed and repeated later: when, and what was sealed or
# signed anew, which may be a byte longer or shorter once it is compressed.
TIMES = {
    "at",
    "attached_at",
    "closed_at",
    "created",
    "created_at",
    "due",
    "settled_at",
    "due_at",
    "expires_at",
    "accepted_at",
    "ended_at",
    "leased_until",
    "token",
    "found_at",
    "grace_until",
    "judged_at",
    "next_at",
    "reported_at",
    "upload_time",
    "beat_at",
    "published_at",
    "read_at",
    "requested_at",
    "resolved_at",
    "since",
    "stamp",
    "succeeded_at",
    "success_at",
    "received_at",
    "updated_at",
    "raw",
    "more",
    "digest",
    "envelope_id",
}
NUMBERS = (
    (r"[0-9a-f]{64}", "DIGEST"),
    (r"4200\d{24}", "TRANSACTION"),
    (r"5030\d{24}", "REFUND"),
    (r"clt\.[0-9a-f]{48}", "TOKEN"),
    (r"\bN\d{19}\b", "DOUYIN"),  # orders, refunds and settlements of guaranteed payment
    (r"\bots\d{20}", "TRADE_ORDER"),
    (r"otr\d{20}", "TRADE_REFUND"),
    (r"http://127\.0\.0\.1:\d+", "BASE"),
)
Json = dict[str, Any]
Reply = tuple[int, dict[str, str], bytes]


class Inbox:
    def add(self, kind: str, entry: Json) -> None:
        """Keep nothing: the ledger tells what matters here."""


class Ground:
    """A stack with empty tables and an account or two, on a clock that stands still, and who listens to its platform.

    `base` is where the platform's API is and where it sends its notices.
    """

    def __init__(self, cloud: LocalCloud, **given: str) -> None:
        self.stack: Stack = cloud.stack(**given)
        self.now = NOON
        self.stack.clock.change({"now": NOON, "frozen": True})
        self.notices: list[tuple[dict[str, str], bytes]] = []
        self._server = _serve(self)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self._bus = make_queue(self.stack.plane, f"{self.stack.stage}-bus", {})["QueueUrl"]
        name = f"{self.stack.stage}-bus"
        subscribe(self.stack.plane, self.stack.refs["EventBus"], name, {"account": [ACCOUNT]}, name_of(name))
        self._store = OrderStore(_client(self.stack), self.stack.refs["OrdersTable"])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a call of the product, or take a notice of the platform's."""
        raise NotImplementedError

    def advance(self, seconds: int) -> None:
        self.now += seconds
        self.stack.clock.change({"now": self.now, "frozen": True})

    def sweep(self, crash: Json | None = None, **faults: Any) -> Run:
        return self.stack.run("Sweep", shapes.schedule("Sweep", self.now), crash=crash, **faults)

    def publish(self, crash: Json | None = None, **faults: Any) -> Run:
        """Give the stream's new events to the function, all of them, as after a lost position."""
        return self.stack.run("Publish", {"Records": self.stream()}, crash=crash, **faults)

    def stream(self) -> list[Json]:
        """Return the table's new event rows that have something to say."""
        plane, table = self.stack.plane, self.stack.refs["OrdersTable"]
        arn = plane.call("dynamodb", "DescribeTable", TableName=table)["Table"]["LatestStreamArn"]
        shard = plane.call("streams", "DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        place = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = plane.call("streams", "GetShardIterator", **place)["ShardIterator"]
        records = plane.call("streams", "GetRecords", ShardIterator=iterator)["Records"]
        return [
            {**record, "eventSourceARN": arn}
            for record in records
            if record["eventName"] == "INSERT" and "emits" in record["dynamodb"]["NewImage"]
        ]

    def recorded(self, change: Change) -> None:
        self._store.record(change, now=self.now)

    def table(self, name: str) -> list[Any]:
        items = self.stack.plane.call("dynamodb", "Scan", TableName=self.stack.refs[name], ConsistentRead=True)["Items"]
        read = TypeDeserializer().deserialize
        plain = [{attribute: read(value) for attribute, value in _bytes(item).items()} for item in items]
        return sorted((comparable(item) for item in plain), key=lambda item: (item["pk"], item["sk"]))

    def bus(self) -> list[str]:
        """Return the different events that reached the bus so far, however often each did."""
        while True:
            answer = self.stack.plane.call("sqs", "ReceiveMessage", QueueUrl=self._bus, MaxNumberOfMessages=10)
            messages = answer.get("Messages", [])
            if not messages:
                return sorted(re.sub(r"[0-9a-f]{64}", "", name) for name in self._seen())
            for message in messages:
                self.sent[json.loads(message["Body"])["detail"]["id"]] += 1
                self.stack.plane.call(
                    "sqs", "DeleteMessage", QueueUrl=self._bus, ReceiptHandle=message["ReceiptHandle"]
                )

    @property
    def sent(self) -> Counter[str]:
        """How often each event came out of the bus; read after `bus()`."""
        return self.__dict__.setdefault("_sent", Counter())

    def _seen(self) -> list[str]:
        return list(self.sent)


class World(Ground):
    """A stack, an account and its simulator."""

    def __init__(self, cloud: LocalCloud, document: Json, folder: Path) -> None:
        super().__init__(cloud)
        prepared = Simulator.prepare_account(document, f"{self.base}/wechat")
        self.wechat = Simulator(self.stack.clock, {"shop": prepared}, Inbox(), self.base, folder)
        self.wechat.start()
        self.stack.put_account("wechat", "shop", prepared)
        self.stack.functions["WechatCreatePayment"].environment["PUBLIC_BASE_URL"] = self.base
        self.merchant, self._notify_url = prepared, f"{self.base}/wechat/shop/notify"

    def close(self) -> None:
        super().close()
        self.wechat.stop()

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        if path == "/wechat/shop/notify":
            self.notices.append((headers, body))
            return 500, {}, b""
        if path == "/wechat/shop/push":  # the test pushes by itself, when it wants
            return 200, {}, b"success"
        return self.wechat.handle(method, path.removeprefix("/wechat"), query, headers, body)

    # What the functions get.

    def create(self, crash: Json | None = None, **faults: Any) -> Run:
        """Call as the merchant does: the same Idempotency-Key and the same body each time."""
        body = {
            "order_id": ORDER_ID,
            "amount": PRICE.to_json(),
            "description": "Milk tea",
            "payer": {"openid": "oCrashPayer0000000000000001"},
        }
        headers = {"content-type": "application/json", "idempotency-key": "cart-1"}
        route = "POST /wechat/{account}/payments"
        event = shapes.http(
            route,
            self.now,
            parameters={"account": "shop"},
            headers=headers,
            body=json.dumps(body),
            claims=shapes.claims(self.now, "payments:write"),
        )
        return self.stack.run("WechatCreatePayment", event, crash=crash, **faults)

    def notify(self, notice: tuple[dict[str, str], bytes], crash: Json | None = None, **faults: Any) -> Run:
        """Deliver what WeChat sent."""
        headers, body = notice
        event = shapes.http(
            "POST /wechat/{account}/notify", self.now, parameters={"account": "shop"}, headers=headers, body=body
        )
        return self.stack.run("WechatNotify", event, crash=crash, **faults)

    def push(self, event_name: str, crash: Json | None = None, **faults: Any) -> Run:
        """Push an event of the mini store's order."""
        store = self.merchant["store"]
        way = pushes.Way(store["appid"], "secure", store["push"]["token"], store["push"]["encoding_aes_keys"][0])
        info = {"order_info": {"order_id": int(STORE_ORDER_ID)}}
        message = {"CreateTime": NOON, "MsgType": "event", "Event": event_name, **info}
        query, request = pushes.compose(message, way, self.now)
        event = shapes.http(
            "POST /wechat/{account}/push",
            self.now,
            parameters={"account": "shop"},
            query=urlencode(query),
            headers=request.headers,
            body=request.body,
        )
        return self.stack.run("WechatPush", event, crash=crash, **faults)

    def bought_in_the_store(self) -> None:
        """Let somebody buy in the mini store."""
        for name in ("store_order", "store_pay"):
            assert self.wechat.control(name, {"account": "shop", "order_id": STORE_ORDER_ID})[0] == 200

    def poll(self, crash: Json | None = None, **faults: Any) -> Run:
        return self.stack.run("WechatPoll", shapes.schedule("WechatPoll", self.now), crash=crash, **faults)

    def refund(self, crash: Json | None = None, *, told: bool = False, **faults: Any) -> Run:
        """Let the refund worker run: because the bus told it of an order, or because a minute is over."""
        detail = {"platform": "wechat", "account": "shop", "order_id": ORDER_ID}
        news = {"source": "countersign", "detail-type": "refund.approved", "detail": detail}
        event = news if told else shapes.schedule("WechatRefund", self.now)
        return self.stack.run("WechatRefund", event, crash=crash, **faults)

    def bill(self, crash: Json | None = None, **faults: Any) -> Run:
        return self.stack.run("WechatBill", shapes.schedule("WechatBill", self.now), crash=crash, **faults)

    # What was there before.

    def opened(self, order_id: str = ORDER_ID) -> Change:
        """Record an order as if it had been created a moment ago."""
        terms = Terms(PRICE, "v3", "jsapi", "terms", self.now, self.now + 7200, appid=self.merchant["appid"])
        key = OrderKey("wechat", "shop", order_id)
        news = Change(key, OrderCreated(terms), Operator("merchant"), "merchant", self.merchant["mchid"], "v3")
        self._store.record(news, now=self.now)
        return news

    def unpaid_at_wechat(self) -> None:
        """Let WeChat know the order, which nobody has paid yet."""
        trade = Trade(
            account="shop",
            mchid=self.merchant["mchid"],
            appid=self.merchant["appid"],
            out_trade_no=ORDER_ID,
            api="v3",
            trade_type="JSAPI",
            total=PRICE.minor,
            terms="{}",
            notify_url=self._notify_url,
            created_at=self.now,
            openid="oCrashPayer0000000000000001",
            expires_at=self.now + 7200,
        )
        self.wechat._ledger.place(trade)

    def paid_at_wechat(self) -> tuple[dict[str, str], bytes]:
        """Let the payer pay; returns the notice that WeChat sends."""
        self.unpaid_at_wechat()
        status, answer = self.wechat.control("/pay", {"account": "shop", "out_trade_no": ORDER_ID})
        assert status == 200, answer
        return self.notices[-1]

    def paid(self) -> None:
        """Let the payer pay, and know it."""
        self.opened()
        self.paid_at_wechat()
        trade = self.wechat._ledger.trades()[0]
        fact = Paid(trade.transaction_id, PRICE, self.now, PRICE.minor)
        key = OrderKey("wechat", "shop", ORDER_ID)
        self.recorded(Change(key, fact, Verified("KEY"), "notify", self.merchant["mchid"], "v3"))

    def recorded_as_paid(self, order_id: str) -> None:
        """Record an order and its payment as if the notification had come a moment ago."""
        key = self.opened(order_id).key
        fact = Paid(f"4200{int(order_id[-4:]):024d}", PRICE, self.now, PRICE.minor)
        news = Change(key, fact, Verified("KEY"), "notify", self.merchant["mchid"], "v3")
        self._store.record(news, now=self.now)

    # How it ends.

    def state(self) -> Json:
        """Return everything that must not depend on a crash."""
        return {"table": self.table("OrdersTable"), "wechat": self._ledger(), "bus": self.bus()}

    def _ledger(self) -> list[Json]:
        _, answer = self.wechat.control("/ledger", {})
        kept = ("out_trade_no", "state", "total", "currency", "trade_type", "refunds")
        trades = [comparable({name: trade[name] for name in kept}) for trade in answer["transactions"]]
        return trades + self._shipped()

    def _shipped(self) -> list[Json]:
        """Return WeChat's own record of what was shipped."""
        uploads = [comparable(vars(known)) for known in self.wechat._mini._shipping.values()]
        return uploads + [comparable(order.deliveries) for order in self.wechat._store_orders._orders.values()]


def name_of(queue: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"


def _bytes(item: Json) -> Json:
    """Drop what the deserializer wants as bytes: evidence, which differs from run to run."""
    return {name: value for name, value in item.items() if "B" not in value}


def comparable(value: Any) -> Any:
    """Take out times, seals and the numbers that differ from world to world; read JSON inside strings."""
    if isinstance(value, dict):
        known = {name for name in TIMES & value.keys() if value[name] is not None}
        return {name: name if name in known else comparable(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(member) for member in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        with contextlib.suppress(ValueError):
            return comparable(json.loads(value))
    if isinstance(value, str):
        for pattern, name in NUMBERS:
            value = re.sub(pattern, name, value)
    return value


def _client(stack: Stack) -> Any:
    session = botocore.session.get_session()
    return session.create_client("dynamodb", region_name="us-east-1", endpoint_url=stack.plane.endpoint)


def _serve(ground: Ground) -> ThreadingHTTPServer:
    """Serve a platform's API, and take the notices that it sends."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            path, _, query = self.path.partition("?")
            status, answer_headers, answer = ground.answer(self.command, path, query, headers, body)
            with contextlib.suppress(ConnectionError):  # its caller was killed
                self.send_response(status)
                for name, value in answer_headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - names that the base class looks for

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
    return server


@contextlib.contextmanager
def world(cloud: LocalCloud, document: Json, folder: Path) -> Iterator[World]:
    made = World(cloud, document, folder)
    try:
        yield made
    finally:
        made.close()
