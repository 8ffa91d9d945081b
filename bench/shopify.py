"""Shopify's deliveries: a warm one and a cold start beside build A of `peers/shopify`, and what large bodies take.

`python bench/shopify.py` prints all of it; `python shopify.py warm|cold|large` one part's figures as JSON, as run.py
asks; `python shopify.py counted` millions of instructions, where valgrind is installed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloud
import instructions
from callback import CONTEXT, NOTICES, OURS, PEER, load, measure
from cloud import HERE, ROOT, Cloud, parent_watch
from cold import STARTS, start
from vectors import Notice, Vectors

APP, SHOP, SHOP_ID = "app", "vec-shop.myshopify.com", "70011223344"
SIZES = {"6 KB": 6 * 1024, "256 KB": 256 * 1024, "1 MB": 1024 * 1024}
LARGE_REPEATS = 7
OUR_PATH, PEER_PATH = f"/shopify/{APP}/webhook", "/shopify/webhook"
Json = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """A shop's secret and deliveries; nothing here outlives the run."""

    secret: str = field(default_factory=lambda: secrets.token_hex(24))

    @property
    def document(self) -> Json:
        """Return the app's document, as Secrets Manager holds it."""
        shop = {"shop": SHOP, "shop_id": f"gid://shopify/Shop/{SHOP_ID}", "access_token": "shpat_of_the_bench_0001"}
        return {"client_id": "bench", "client_secrets": [self.secret], "subscriptions": "app", "shops": [shop]}

    def environment(self) -> dict[str, str]:
        """Return what build A finds in its environment."""
        return {"SHOPIFY_SECRET": self.secret}

    def event(self, number: int, path: str, size: int = SIZES["6 KB"]) -> Json:
        """Return the API Gateway event that brings an order that was paid, signed now."""
        body = json.dumps(order(number, size), separators=(",", ":"))
        signature = base64.b64encode(hmac.digest(self.secret.encode(), body.encode(), hashlib.sha256)).decode()
        headers = {
            "x-shopify-topic": "orders/paid",
            "x-shopify-hmac-sha256": signature,
            "x-shopify-shop-domain": SHOP,
            "x-shopify-api-version": "2026-10",
            "x-shopify-webhook-id": str(uuid.UUID(int=number)),
            "x-shopify-triggered-at": "2026-11-20T14:15:09.123Z",
        }
        event = Notice(str(number), body, headers).event(path)
        route = "POST /shopify/{app}/webhook"
        context = event["requestContext"] | {"routeKey": route}
        return event | {"routeKey": route, "pathParameters": {"app": APP}, "requestContext": context}


def order(number: int, size: int) -> Json:
    """Return an order's body of about so many bytes, lines as full of other numbers as a shop's are."""

    def both(amount: str) -> Json:
        one = {"amount": amount, "currency_code": "USD"}
        return {"shop_money": one, "presentment_money": one}

    body: Json = {
        "id": 5_550_000_000_000 + number,
        "admin_graphql_api_id": f"gid://shopify/Order/{5_550_000_000_000 + number}",
        "name": f"#{1000 + number}",
        "created_at": "2026-11-20T09:15:02-05:00",
        "updated_at": "2026-11-20T09:15:09-05:00",
        "cancelled_at": None,
        "currency": "USD",
        "presentment_currency": "USD",
        "current_total_price": "100.00",
        "current_total_price_set": both("100.00"),
        "total_outstanding": "0.00",
        "financial_status": "paid",
        "fulfillment_status": None,
        "payment_gateway_names": ["shopify_payments"],
        "note_attributes": [],
        "order_status_url": f"https://shop.example.com/{SHOP_ID}/orders/{number:x}/authenticate?key=k",
        "source_name": "web",
        "test": False,
        "refunds": [],
        "line_items": [],
    }
    length = len(json.dumps(body))
    while length < size:
        some = hashlib.sha256(f"{number} {len(body['line_items'])}".encode()).hexdigest()
        line = {"id": int(some[:12], 16), "title": f"Mug {some[:8]}", "sku": some[8:20], "quantity": 1}
        line |= {"variant_id": int(some[20:32], 16), "price": "10.00", "price_set": both("10.00"), "grams": 200}
        body["line_items"].append(line | {"properties": [], "vendor": "Vendor", "taxable": True})
        length += len(json.dumps(body["line_items"][-1])) + 1
    return body


def _open(stub: Cloud, made: Vectors, shop: Shop) -> dict[str, str]:
    environment = stub.environment(made) | shop.environment()
    cloud.adopt(environment)
    stub.control("/secret", {f"countersign/bench/shopify/{APP}": json.dumps(shop.document)})
    return environment


def warm() -> Json:
    """Measure a delivery in a process that has had some, over TLS; every order is new, then the same comes again."""
    cloud.pin(cloud.CODE_CPU)
    made, shop = Vectors(), Shop()
    with tempfile.TemporaryDirectory() as folder, cloud.running(made, Path(folder), tls=True) as stub:
        _open(stub, made, shop)
        handlers = {
            OURS: (load(ROOT / "functions" / "shopify_webhook" / "app.py", "ours"), OUR_PATH),
            PEER: (load(HERE / "peers" / "shopify" / "app.py", "shopify_peer"), PEER_PATH),
        }
        builds = {
            name: (handler, [shop.event(number, path) for number in range(NOTICES)])
            for name, (handler, path) in handlers.items()
        }
        handlers[OURS][0](shop.event(NOTICES, OUR_PATH), CONTEXT)  # reads the account once, and marks it
        stub.control("/keep")
        return measure(stub, builds)


def cold() -> Json:
    """Start each build in turn, and let it answer one delivery."""
    made, shop = Vectors(), Shop()
    with tempfile.TemporaryDirectory() as folder, cloud.running(made, Path(folder), tls=True) as stub:
        environment = _open(stub, made, shop)
        stub.control("/keep")
        builds = {
            OURS: (ROOT / "functions" / "shopify_webhook", OUR_PATH),
            PEER: (HERE / "peers" / "shopify", PEER_PATH),
        }
        figures: Json = {name: {"cpu": [], "wall": []} for name in builds}
        for turn in range(-1, STARTS):
            for name, (code, path) in builds.items():
                stub.control("/restore")
                cpu, wall = start(code, shop.event(1, path), environment)
                if turn >= 0:
                    figures[name]["cpu"].append(cpu)
                    figures[name]["wall"].append(wall)
        return figures


def large() -> Json:
    """Measure what bodies of each size take from the event to the answer; every one is a new order."""
    cloud.pin(cloud.CODE_CPU)
    made, shop = Vectors(), Shop()
    with tempfile.TemporaryDirectory() as folder, cloud.running(made, Path(folder), tls=True) as stub:
        _open(stub, made, shop)
        handler = load(ROOT / "functions" / "shopify_webhook" / "app.py", "ours")
        handler(shop.event(0, OUR_PATH), CONTEXT)
        figures: Json = {}
        for name, size in SIZES.items():
            answers, cpu, wall = set(), [], []
            for number in range(1, LARGE_REPEATS + 1):
                event = shop.event(size + number, OUR_PATH, size)
                before, began = time.thread_time_ns(), time.perf_counter_ns()
                answers.add(handler(event, CONTEXT)["statusCode"])
                cpu.append((time.thread_time_ns() - before) / 1e6)
                wall.append((time.perf_counter_ns() - began) / 1e6)
            figures[name] = {"answers": sorted(answers), "cpu": cpu, "wall": wall}
        return figures


def counted() -> Json:
    """Count the instructions of a delivery and of a start, for both builds: what a busy machine does not change."""
    made, shop = Vectors(), Shop()
    with tempfile.TemporaryDirectory() as folder, cloud.running(made, Path(folder), tls=True) as stub:
        environment = _open(stub, made, shop)
        builds = {
            OURS: (ROOT / "functions" / "shopify_webhook", OUR_PATH),
            PEER: (HERE / "peers" / "shopify", PEER_PATH),
        }
        return instructions.count(stub, Path(folder), builds, environment, shop.event)


PARTS = {"warm": warm, "cold": cold, "large": large}  # what run.py asks
COUNTED = {"counted": counted}


def main() -> None:
    """Print every part: run.py does the same into its page."""
    from run import Report, shopify, verdicts, worker

    parent_watch.end_with_starter()
    report = Report()
    shopify(report, *(worker("shopify.py", part) for part in PARTS))
    verdicts(report)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        keep = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the functions' own log lines
        os.write(keep, json.dumps((PARTS | COUNTED)[sys.argv[1]]()).encode())
