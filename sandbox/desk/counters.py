"""Where one can buy: every account of every platform and cashier that the sandbox has, and what is done there."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.desk import troubles
from sandbox.desk.hands import Bought, Hand
from sandbox.simulation import platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.desk.troubles import Trouble

Json = dict[str, Any]
RETURN_URL = "https://shop.example.com/thanks"


@dataclass(frozen=True)
class Good:
    """Something to buy; prices are the same figure in every currency."""

    id: str
    title: str
    minor: int


GOODS = (Good("oolong", "Oolong 乌龙茶", 8800), Good("cup", "Cup 茶杯", 3000))


@dataclass(frozen=True)
class Counter:
    """One account at which one can buy."""

    id: str
    label: str
    platform: str
    account: str
    document: Json

    money: ClassVar[str] = "CNY"
    pays: ClassVar[str] = "pay"  # the word on the payer's button

    @property
    def currency(self) -> str:
        """What goods are sold for."""
        return self.money

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What can go wrong here."""
        return ()

    def buy(self, hand: Hand, good: Good, number: str) -> Bought:
        """Have an order made."""
        raise NotImplementedError

    def pay(self, hand: Hand, bought: Bought) -> None:
        """Let the payer pay."""
        raise NotImplementedError

    def _bought(self, good: Good, order_id: str, **more: Any) -> Bought:
        return Bought(self.id, self.platform, self.account, order_id, good.title, good.minor, self.currency, **more)


class Wechat(Counter):
    """A WeChat account: the shop's screen shows a code, the payer's phone scans it."""

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What can go wrong here."""
        return tuple(one for one in troubles.WECHAT if one.id != "stale" or self.document.get("api") != "v2")

    def buy(self, hand: Hand, good: Good, number: str) -> Bought:
        """Create a Native payment, as the shop's till does."""
        body = {
            "order_id": number,
            "amount": {"minor": good.minor, "currency": "CNY"},
            "description": good.title,
            "method": "native",
            "items": [{"sku_id": good.id, "title": good.title, "price": good.minor, "quantity": 1}],
        }
        made = hand.api("POST", f"/wechat/{self.account}/payments", body, repeats=True)
        return self._bought(good, number, reference=number, code=str(made["client"]["code_url"]))

    def pay(self, hand: Hand, bought: Bought) -> None:
        """Let the payer scan the code and pay; one notice comes."""
        trade = hand.happen("wechat", "pay", account=self.account, out_trade_no=bought.reference)
        hand.say("said.paid", answers=troubles.answers(trade))


class Douyin(Counter):
    """A Douyin account, of either system."""

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What can go wrong here."""
        return troubles.DOUYIN

    def buy(self, hand: Hand, good: Good, number: str) -> Bought:
        """Create a payment, as a mini app's back end does."""
        body = {
            "order_id": number,
            "amount": {"minor": good.minor, "currency": "CNY"},
            "description": good.title,
        }
        made = hand.api("POST", f"/douyin/{self.account}/payments", body, repeats=True)
        phone = {name: made["client"][name] for name in ("data", "byteAuthorization") if name in made["client"]}
        return self._bought(good, number, reference=number, handed=phone)

    def pay(self, hand: Hand, bought: Bought) -> None:
        """Let the payer's phone order, where the system wants that, and pay."""
        trade = hand.happen("douyin", "pay", account=self.account, out_order_no=bought.reference, **bought.handed)
        hand.say("said.paid", answers=troubles.answers(trade))


class Shopify(Counter):
    """A Shopify shop: the order is made there, and told of."""

    money = "USD"

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What can go wrong here."""
        return troubles.SHOPIFY

    def buy(self, hand: Hand, good: Good, number: str) -> Bought:
        """Let somebody order in the shop without paying yet."""
        troubles.guarded(hand, "shopify", "ShopifyGuard", shop=self.account)
        made = hand.happen("shopify", "create", shop=self.account, minor=good.minor, pay="none")
        hand.say("said.told", name=made["name"])
        return self._bought(good, str(made["order"]), reference=str(made["order"]))

    def pay(self, hand: Hand, bought: Bought) -> None:
        """Let the shop record a payment by hand."""
        hand.happen("shopify", "pay", shop=self.account, order=int(bought.reference))
        hand.say("said.told_paid")


class Recharge(Counter):
    """A Recharge store: subscription charges, which are known here once they fail."""

    money = "USD"
    pays = "charge_again"

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What can go wrong here."""
        return troubles.RECHARGE

    def buy(self, hand: Hand, good: Good, number: str) -> Bought:
        """Let a subscription charge come due, whose card is declined."""
        troubles.guarded(hand, "recharge", "RechargeGuard", account=self.account)
        how: Json = {"amount": good.minor, "title": good.title, "attempt": True, "will": "CARD_DECLINED"}
        made = hand.happen("recharge", "charge", account=self.account, **how)
        hand.say("said.charge_failed", error=made["error"])
        return self._bought(good, str(made["id"]), reference=str(made["id"]))

    def pay(self, hand: Hand, bought: Bought) -> None:
        """Have Recharge try the charge again."""
        hand.happen("recharge", "attempt", account=self.account, charge_id=int(bought.reference), will="")
        hand.say("said.charge_taken")


class Cashier(Counter):
    """A hosted cashier: an HC1 gateway, Stripe, or our own page with a code over a WeChat account."""

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What can go wrong here."""
        return troubles.WECHAT if self.is_by_code else troubles.CASHIER

    @property
    def kind(self) -> str:
        """Which cashier: hc1, stripe or wechat_native."""
        return str(self.document["cashier"]).partition("/")[0]

    @property
    def is_by_code(self) -> bool:
        """Whether money comes by WeChat, where an order is in yuan."""
        return self.kind == "wechat_native"

    @property
    def currency(self) -> str:
        """What goods are sold for."""
        return "CNY" if self.is_by_code else "USD"

    def buy(self, hand: Hand, good: Good, number: str) -> Bought:
        """Create a payment at the cashier."""
        body = {
            "order_id": number,
            "amount": {"minor": good.minor, "currency": self.currency},
            "description": good.title,
            "return_url": RETURN_URL,
        }
        made = hand.api("POST", f"/cashier/{self.document['cashier']}/payments", body, repeats=True)
        bought = self._bought(good, number, reference=number, code=str(made["client"]["cashier_url"]))
        order = made["order"]
        bought.platform, bought.account = str(order["platform"]), str(order["account"])
        if self.is_by_code:  # what WeChat knows it by: the page's own number
            bought.order_id = bought.reference = str(order["order_id"])
        return bought

    def pay(self, hand: Hand, bought: Bought) -> None:
        """Let the shopper pay on the cashier's page."""
        take(hand, self.document, bought.reference)


class Bigcommerce(Cashier):
    """A BigCommerce store, whose shoppers pay at a cashier that the store does not know."""

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What can go wrong here."""
        return troubles.BIGCOMMERCE

    def buy(self, hand: Hand, good: Good, number: str) -> Bought:
        """Let a shopper order in the store, whose page asks where to pay."""
        troubles.guarded(hand, "bigcommerce", "BigcommerceGuard", account=self.account)
        total = f"{good.minor / 100:.4f}"
        order = hand.happen("bigcommerce", "order", account=self.account, total=total)
        wish = {"store_hash": self.account, "order_id": order["id"], "cart_id": order["cart_id"]}
        origin = self.document["origin"]
        made = hand.api("POST", f"/bigcommerce/{self.document['app']}/payments", wish, origin=origin, repeats=True)
        number = str(order["id"])
        reference = f"bc-{self.account}-{number}-1"
        bought = self._bought(good, number, reference=reference, code=str(made["cashier_url"]))
        bought.handed = {"app": self.document["app"], "origin": origin}
        hand.say("said.store_order", number=number)
        return bought


def take(hand: Hand, document: Json, reference: str, **how: Any) -> None:
    """Let a shopper pay at a cashier."""
    cashier = document["cashier"]
    kind = cashier.partition("/")[0]
    if kind == "wechat_native":
        trade = hand.happen("wechat", "pay", account=document["wechat"], out_trade_no=reference, **how)
        hand.say("said.paid", answers=troubles.answers(trade))
        return
    hand.happen("cashier", "stripe_pay" if kind == "stripe" else "pay", account=cashier, reference=reference, **how)
    hand.say("said.cashier_paid")


def of(documents: dict[str, dict[str, Json]]) -> dict[str, Counter]:
    """List the counters of a sandbox's accounts, in the order of the page."""
    found: list[Counter] = []
    for add in (_wechat, _douyin, _shopify, _recharge, _bigcommerce, _cashiers, *_beside_simulators()):
        found += add(documents)
    return {counter.id: counter for counter in found}


def _beside_simulators() -> Iterator[Callable[[dict[str, dict[str, Json]]], list[Counter]]]:
    """Yield `counters` of each platform that has its own in `sandbox/simulators/<name>/counter.py`."""
    for platform in platforms():
        if importlib.util.find_spec(f"sandbox.simulators.{platform}.counter"):
            yield importlib.import_module(f"sandbox.simulators.{platform}.counter").counters


def plain(
    documents: dict[str, dict[str, Json]], platform: str, kind: type[Counter], label: Callable[[str, Json], str]
) -> list[Counter]:
    """List a counter for each account of a platform whose accounts have plain names."""
    accounts = documents.get(platform, {}).items()
    return [
        kind(f"{platform}-{name}", label(name, document), platform, name, {"name": name, **_of_use(document)})
        for name, document in accounts
        if "/" not in name
    ]


def _of_use(document: Json) -> Json:
    """Keep what a counter needs of an account document: nothing secret."""
    return {name: document[name] for name in ("api", "system", "api_version") if name in document}


def _wechat(documents: dict[str, dict[str, Json]]) -> list[Counter]:
    made = plain(documents, "wechat", Wechat, lambda name, document: f"WeChat {document.get('api', 'v3')} · {name}")
    return sorted(made, key=lambda counter: str(counter.document.get("api", "v3")), reverse=True)


def _douyin(documents: dict[str, dict[str, Json]]) -> list[Counter]:
    return plain(documents, "douyin", Douyin, lambda name, _: f"Douyin · {name}")


def _recharge(documents: dict[str, dict[str, Json]]) -> list[Counter]:
    return plain(documents, "recharge", Recharge, lambda name, _: f"Recharge · {name}")


def _shopify(documents: dict[str, dict[str, Json]]) -> list[Counter]:
    accounts = documents.get("shopify", {})
    return [
        Shopify(f"shopify-{shop}", f"Shopify · {shop.partition('.')[0]}", "shopify", shop, {})
        for app, shop in (name.split("/", 1) for name in accounts if "/" in name)
        if "read_orders" in str(accounts.get(app, {}).get("scopes"))
    ]


def _bigcommerce(documents: dict[str, dict[str, Json]]) -> list[Counter]:
    accounts, made = documents.get("bigcommerce", {}), list[Counter]()
    for name, document in accounts.items():
        app, _, store = name.partition("/")
        if not store or app not in accounts:
            continue
        cashier = str(document.get("cashier") or accounts[app].get("cashier") or "")
        origin = (accounts[app].get("allowed_origins") or [""])[0]
        about = {"app": app, "cashier": cashier, "origin": origin, "wechat": _account_of(documents, cashier)}
        made.append(Bigcommerce(f"bigcommerce-{store}", f"BigCommerce · {cashier}", "bigcommerce", store, about))
    return made


def _cashiers(documents: dict[str, dict[str, Json]]) -> list[Counter]:
    return [
        Cashier(
            f"cashier-{name.replace('/', '-')}",
            f"Cashier · {name}",
            "cashier",
            name.replace("/", "."),
            {"cashier": name, "wechat": _account_of(documents, name)},
        )
        for name in sorted(documents.get("cashier", {}))
    ]


def _account_of(documents: dict[str, dict[str, Json]], cashier: str) -> str:
    """Return the WeChat account over which a cashier takes money, if it does."""
    return str(documents.get("cashier", {}).get(cashier, {}).get("wechat") or "")
