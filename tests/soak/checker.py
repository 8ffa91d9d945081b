"""Compares three ledgers after a soak and prints how many payments were lost, doubled or left unpublished.

    python tests/soak/checker.py --api http://127.0.0.1:8080 --control http://127.0.0.1:8081 --account shop

Only HTTP and the standard library: what WeChat's side knows to be true (its ledger), what the product says of every
order (GET, one by one, and its own list), and what came out on the bus (the inbox). Exits 1 unless all three agree.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError

Json = dict[str, Any]


@dataclass
class Verdict:
    """What differs, each as a sentence."""

    payments: int = 0
    lost: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    unpublished: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether money was taken at all and nothing differs."""
        return self.payments > 0 and not (self.lost or self.double or self.unpublished)

    def __str__(self) -> str:
        counts = f"lost {len(self.lost)}, double {len(self.double)}, unpublished {len(self.unpublished)}"
        examples = [*self.lost[:5], *self.double[:5], *self.unpublished[:5]]
        return "\n  ".join([f"{self.payments} payments compared: {counts}", *examples])


class Sandbox:
    """The two addresses that everything is read from."""

    def __init__(self, api: str, control: str, account: str) -> None:
        self._api, self._control, self._account = api, control, account
        wanted = {"scopes": ["orders:read"], "expires_in": 10**7}
        self._token = self._ask("POST", f"{control}/token", wanted)["access_token"]

    def transactions(self) -> list[Json]:
        """Return what WeChat knows."""
        answer = self._ask("POST", f"{self._control}/wechat/_control/ledger", {"account": self._account})
        return list(answer["transactions"])

    def order(self, order_id: str) -> Json | None:
        """Return what the product says of an order."""
        number = urllib.parse.quote(order_id, safe="")
        try:
            return self._ask("GET", f"{self._api}/orders/wechat/{self._account}/{number}")
        except HTTPError as error:
            if error.code == 404:
                return None
            raise

    def listed(self) -> set[str]:
        """Return the numbers of all orders that the product lists."""
        numbers: set[str] = set()
        cursor = ""
        while True:
            query = urllib.parse.urlencode({"account": f"wechat/{self._account}", "cursor": cursor})
            page = self._ask("GET", f"{self._api}/orders?{query}")
            if not page["orders"]:
                return numbers
            numbers |= {order["order_id"] for order in page["orders"]}
            cursor = page["cursor"]

    def bus(self) -> list[Json]:
        """Return the events that left the product."""
        return list(self._ask("GET", f"{self._control}/inbox?kind=bus"))

    def _ask(self, method: str, url: str, body: Json | None = None) -> Any:
        headers = {"content-type": "application/json"}
        if hasattr(self, "_token"):
            headers["authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http on loopback
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            return json.load(reply)


def compare(sandbox: Sandbox) -> Verdict:
    """Compare the three."""
    truth = {transaction["out_trade_no"]: transaction for transaction in sandbox.transactions()}
    numbers = sorted(truth.keys() | sandbox.listed())
    with ThreadPoolExecutor(8) as threads:
        orders = dict(zip(numbers, threads.map(sandbox.order, numbers), strict=True))
    published: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in sandbox.bus():
        if event["detail-type"] == "order.paid":
            published[event["detail"]["order_id"]][event["detail"]["id"]] += 1

    verdict = Verdict()
    for number in numbers:
        _compare_one(verdict, number, truth.get(number), orders[number], published[number])
    strangers = set(published) - set(numbers)
    verdict.double += [f"{number}: order.paid of an order that nobody knows" for number in sorted(strangers)]
    return verdict


def _compare_one(verdict: Verdict, number: str, truth: Json | None, order: Json | None, sent: Counter[str]) -> None:
    paid = truth is not None and truth["state"] in ("SUCCESS", "REFUND")
    verdict.payments += paid
    shown = {
        "status": order["status"] if order else "absent",
        "transaction_id": order["transaction_id"] if order else None,
        "paid": order["paid"] if order else None,
    }
    if paid and truth is not None:
        due = {
            "status": "paid",
            "transaction_id": truth["transaction_id"],
            "paid": {"minor": truth["total"], "currency": truth["currency"]},
        }
        if shown != due:
            verdict.lost.append(f"{number}: WeChat says {due}, the product {shown}")
        if not sent:
            verdict.unpublished.append(f"{number}: paid, and no order.paid on the bus")
    elif shown["status"] == "paid" or sent:
        verdict.double.append(f"{number}: never paid at WeChat, yet {shown['status']}, {len(sent)} times on the bus")
    # Repeats of one news carry one id, so a listener drops them; another id is another payment to it.
    if len(sent) > 1:
        verdict.double.append(f"{number}: order.paid under {len(sent)} ids")
    if order:
        events = order["events"]
        opened = [event for event in events if event["kind"] == "opened" and event["decision"] == "applied"]
        if len(opened) != 1:
            verdict.double.append(f"{number}: opened {len(opened)} times")
        if order["review"]:
            verdict.double.append(f"{number}: open questions {order['review']}")
        repeated = [name for name, count in Counter(event["event_id"] for event in events).items() if count > 1]
        if repeated:
            verdict.double.append(f"{number}: the same event twice: {repeated}")


def main() -> int:
    """Compare what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--account", default="shop")
    arguments = parser.parse_args()
    verdict = compare(Sandbox(arguments.api, arguments.control, arguments.account))
    print(verdict)
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
