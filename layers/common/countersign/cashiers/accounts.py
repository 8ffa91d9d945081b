"""The accounts of all cashiers: documents below `cashier/{cashier}/`, in orders `{cashier}.{account}`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from countersign.accounts import Accounts
from countersign.cashiers.notices import PLATFORM, account_of
from countersign.errors import NotFoundError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal

Load = Callable[[Mapping[str, Any]], Any]


def accounts_of(cashier: str, load: Load) -> Accounts:
    """Return one cashier's accounts by the names of their documents."""
    return Accounts(f"{PLATFORM}/{cashier}", load, orders_of=lambda name: (PLATFORM, account_of(cashier, name)))


class CashierAccounts(Accounts):
    """Each cashier's accounts, by the name that orders have."""

    def __init__(self, loads: Mapping[str, Load]) -> None:
        super().__init__(PLATFORM, dict)
        self._of = {name: accounts_of(name, load) for name, load in loads.items()}

    def load(self, name: str) -> Any:
        """Return the settings of `{cashier}.{account}`; raises what `Accounts.load` raises."""
        cashier, _, account = name.partition(".")
        if cashier not in self._of:
            raise NotFoundError("no such cashier")
        return self._of[cashier].load(account)

    def named(self, cashier: str, account: str) -> str:
        """Return the name of an account in orders; NotFoundError where there is no such cashier.

        `hc1.x` is none either: it would be another way to write an account `x.…` of HC1's.
        """
        if cashier not in self._of:
            raise refusal(NotFoundError, because("no_such_account"))
        return account_of(cashier, account)

    def known(self, name: str) -> Any:
        """Return the settings of `{cashier}.{account}`; NotFoundError in the words for one that may not be seen."""
        try:
            return self.load(name)
        except NotFoundError:
            raise refusal(NotFoundError, because("no_such_account")) from None

    def names(self) -> Iterator[str]:
        """Yield every account of every cashier."""
        for cashier, accounts in self._of.items():
            for account in accounts.names():
                yield account_of(cashier, account)
