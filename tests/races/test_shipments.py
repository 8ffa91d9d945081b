"""Sixteen workers tell WeChat of the parcels of one order, and orders claim one parcel, at the same moment."""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from countersign.api.orders import OrderService
from countersign.api.problems import as_problem
from countersign.errors import ConflictError
from countersign.orders.changes import Change, Operator, Parcel, ShipmentRequested
from countersign.platforms.wechat import settings, shipping
from countersign.platforms.wechat.answers import Answer
from countersign.platforms.wechat.fulfilment import PAUSE_SECONDS, Fulfilment
from countersign.platforms.wechat.messages import Transaction
from countersign.runtime.caller import Caller
from countersign.signing.credentials import Secret
from countersign.store import keys
from countersign.store.due import DueList
from countersign.store.lists import OrderLists
from countersign.workers import loop
from countersign.workers.ship import LEASE_SECONDS, ShipJob
from tests.races.racing import MCHID, NOW, PRICE, at_once, key, notified, opened

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from countersign.store import OrderStore

ROUNDS = 8
PARCELS = ("YT1", "YT2", "YT3")
ACCOUNT = settings.Settings(mchid=MCHID, appid="wx1", mini_program_secret=Secret("s" * 32))


class Wechat:
    """Knows the payment and takes shipments, and remembers whether two calls ever met."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.told: list[tuple[str, bool]] = []
        self.overlaps = 0
        self._busy = threading.Lock()

    def query(self, *_: str, **__: str) -> Answer[Transaction]:
        paid = Transaction(self.order, "SUCCESS", f"4200{self.order}", PRICE.minor, success_time=NOW + 5)
        return Answer(paid._replace(mchid=MCHID, appid="wx1", openid="oPayer-1"), "PUB_KEY_ID_1", b"{}", "v3")

    def call(self, path: str, body: Any) -> Any:
        if path == shipping.GET_ORDER:
            parcels = [{"tracking_no": number} for number, _ in self.told]
            state = 2 if any(last for _, last in self.told) else 1
            return {"order": {"order_state": state, "shipping": {"shipping_list": parcels}}}
        if not self._busy.acquire(blocking=False):
            self.overlaps += 1
            self._busy.acquire()
        try:
            self.told += [(item["tracking_no"], body["is_all_delivered"]) for item in body["shipping_list"]]
            return {}
        finally:
            self._busy.release()


def run(store: OrderStore, wechat: Any, now: int) -> None:
    due = DueList(store.client, store.table, "wechat_ship")
    told = Fulfilment(ACCOUNT, wechat, lambda: wechat, lambda: wechat, store)
    for item in due.due_of(key(wechat.order), keys.SHIPMENT, now):
        loop.attempt(item, due, ShipJob(store, lambda _: told, now), now=now, lease=LEASE_SECONDS)


def test_E13_each_parcel_is_told_once_and_in_its_sequence(
    stores: list[OrderStore], threads: ThreadPoolExecutor, capsys: Any
) -> None:
    told, overlaps = [], 0
    for number in range(ROUNDS):
        order = f"PARCELS-{number:03d}"
        stores[0].record(opened(order), now=NOW)
        stores[0].record(notified(order), now=NOW + 6)
        for place, tracking in enumerate(PARCELS):
            parcels, last = (Parcel("YTO", tracking, "tea"),), tracking == PARCELS[-1]
            asked = ShipmentRequested(f"sh{place}", "express", parcels, last, NOW + 10 + place, shared=True)
            stores[0].record(Change(key(order), asked, Operator("ben"), "operator"), now=NOW + 10 + place)

        wechat, now = Wechat(order), NOW + 20
        for _ in range(8):
            at_once([partial(run, store, wechat, now) for store in stores], threads)
            now += PAUSE_SECONDS

        told.append(tuple(wechat.told))
        overlaps += wechat.overlaps
        assert {known.status for known in stores[0].shipments(key(order))} == {"reported"}

    with capsys.disabled():
        print(f"\nE13: {ROUNDS} rounds of 16 workers: uploads {sorted(set(told))}, calls at the same time {overlaps}")
    assert (set(told), overlaps) == ({tuple((one, one == PARCELS[-1]) for one in PARCELS)}, 0)


def test_one_of_two_orders_that_claim_a_tracking_number_at_the_same_moment_has_it_and_the_other_is_409(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    def ship(store: OrderStore, order: str, number: str) -> tuple[str, str]:
        who = Caller("ben", frozenset({"*"}), is_person=True)
        desk = OrderService(store, OrderLists(store.client, store.table), who, NOW + 10)
        try:
            desk.ship(key(order), "express", (Parcel("YTO", number, "tea"),), complete=True)
        except ConflictError as error:
            problem = json.loads(as_problem(error, "en").body)
            return f"{problem['status']} {problem['code']}", problem["args"]["order_id"]
        return "shipped", order

    for number in range(ROUNDS):
        first, second, parcel = f"CLAIM-{number:03d}-A", f"CLAIM-{number:03d}-B", f"YT-CLAIM-{number}"
        for order in (first, second):
            stores[0].record(opened(order), now=NOW)
            stores[0].record(notified(order), now=NOW + 6)

        became = at_once([partial(ship, stores[0], first, parcel), partial(ship, stores[1], second, parcel)], threads)

        assert sorted(word for word, _ in became) == ["409 tracking_in_use", "shipped"]
        ((has_it,),) = ({order for _, order in became},)
        shipped = {order: [one.parcels for one in stores[0].shipments(key(order))] for order in (first, second)}
        assert [order for order, parcels in shipped.items() if parcels] == [has_it]
