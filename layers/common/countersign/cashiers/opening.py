"""A payment for an order of a shop, at whichever cashier the shop has: where it is recorded, who is asked about it.

At most cashiers it is an order of platform `cashier`; by QR code it is an order of our own WeChat account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from countersign.accounts import Accounts
from countersign.cashiers import create_payment, registry
from countersign.cashiers.create_payment import PaymentBody
from countersign.cashiers.notices import PLATFORM
from countersign.cashiers.wechat_native import create_payment as native
from countersign.orders.changes import OrderKey
from countersign.platforms.payment import Call, NewPayment
from countersign.platforms.port import Closes
from countersign.platforms.wechat import connector as wechat
from countersign.platforms.wechat import settings as wechat_settings
from countersign.store import OrderStore
from countersign.store.pages import Pages

At = Callable[[str, str, Any], Call]  # platform, account and settings: the call as it is about that account
_BY_CODE = f"{native.KIND}."


@dataclass(frozen=True)
class Cashiers:
    """Every cashier of a stack; `accounts` are theirs, `table` has the pages, which begin with `page_base`.

    Without `table` payments by code have no page, only the code.
    """

    accounts: Any
    store: OrderStore
    table: str = ""
    page_base: str = ""

    @cached_property
    def _wechat(self) -> Accounts:
        return Accounts("wechat", wechat_settings.load)

    def key_of(self, cashier: str, reference: str) -> OrderKey:
        """Return the order of a payment at `{cashier}.{account}`."""
        if cashier.startswith(_BY_CODE):
            return OrderKey("wechat", self.accounts.load(cashier).wechat, native.number_of(reference))
        return OrderKey(PLATFORM, cashier, reference)

    def connect(self, key: OrderKey, **how: Any) -> Closes:
        """Return who is asked about a payment; `how` bounds a cashier's calls where somebody waits."""
        if key.platform != PLATFORM:
            return wechat.connect(key.account, self._wechat.load(key.account), store=self.store)
        return registry.connect(key.account, self.accounts.load(key.account), store=self.store, **how)

    def payment(self, cashier: str, body: PaymentBody, call: At) -> tuple[Call, NewPayment]:
        """Return a payment that is to begin, and the call that it is; UnprocessableError where its cashier refuses."""
        settings = self.accounts.load(cashier)
        if not cashier.startswith(_BY_CODE):
            at = call(PLATFORM, cashier, settings)
            how = create_payment.WITH_A_PERSON_WAITING
            return at, _Payment(at, registry.connect(cashier, settings, store=self.store, **how), body)
        at = call("wechat", settings.wechat, self._wechat.load(settings.wechat))
        pages = Pages(self.store.client, self.table) if self.table else None
        cashier_of = native.Cashier(cashier.removeprefix(_BY_CODE), settings, pages, self.page_base)
        return at, native.Payment(at, self.store, body, cashier_of)


class _Payment(create_payment.Payment):
    """The same payment whoever asks for it: where the shopper came from makes no other one of it."""

    def _digest(self) -> str:
        return create_payment.digest_of_payment(self._body)
