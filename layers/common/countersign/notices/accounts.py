"""The notices of every platform's accounts."""

from functools import partial

from countersign.accounts import Accounts
from countersign.notices import settings
from countersign.notices.settings import Notices
from countersign.orders.changes import OrderKey
from countersign.runtime import webhook_http


class _Documents(Accounts):
    """The documents that say something of notices; not every account has one."""

    def _forget(self, name: str) -> None:
        """Leave the mark: a shop where an app was installed has its tokens elsewhere, and no document to be gone."""


class NoticeAccounts:
    """Reads what an account's document says about notices, whichever platform the account is on."""

    def __init__(self) -> None:
        self.platforms: dict[str, Accounts] = {}

    def __call__(self, key: OrderKey) -> Notices:
        """Return the notices of an order's account; raises what `Accounts.load` raises."""
        accounts = self.platforms.get(key.platform)
        if accounts is None:
            load = partial(settings.load, platform=key.platform, trusted=webhook_http.trusted_origins())
            accounts = self.platforms[key.platform] = _Documents(key.platform, load)
        notices: Notices = accounts.load(key.account)
        return notices
