"""The notices of every platform's accounts."""

import os
from functools import partial
from typing import Any

from countersign import aws
from countersign.accounts import Accounts
from countersign.errors import NotFoundError
from countersign.notices import settings
from countersign.notices.settings import Notices
from countersign.orders.changes import OrderKey
from countersign.runtime import webhook_http
from countersign.store.installs import InstallStore


class _Documents(Accounts):
    """The documents that say something of notices; not every account has one."""

    def _forget(self, name: str) -> None:
        """Leave the mark: a shop where an app was installed has its tokens elsewhere, and no document to be gone."""


class NoticeAccounts:
    """Reads what an account's document says about notices, whichever platform the account is on."""

    def __init__(self) -> None:
        self.platforms: dict[str, Accounts] = {}
        self.documents: dict[str, Accounts] = {}

    def __call__(self, key: OrderKey) -> Notices:
        """Return the notices of an order's account; raises what `Accounts.load` raises."""
        accounts = self.platforms.get(key.platform)
        if accounts is None:
            load = partial(settings.load, platform=key.platform, trusted=webhook_http.trusted_origins())
            accounts = self.platforms[key.platform] = _Documents(key.platform, load)
        try:
            notices: Notices = accounts.load(key.account)
        except NotFoundError:
            return self._where_installed(key)
        return notices

    def _where_installed(self, key: OrderKey) -> Notices:
        """Return the notices of an account where an app is installed: the app's document, and over it the account's."""
        app = InstallStore(aws.client("dynamodb"), os.environ["TABLE_NAME"], key.platform).state(key.account).app
        if not app:
            raise NotFoundError("no such account")
        document: dict[str, Any] = {}
        for platform, name in ((key.platform, app), (f"{key.platform}/{app}", key.account)):
            if platform not in self.documents:
                self.documents[platform] = _Documents(platform, dict)
            document |= self.documents[platform].load(name)
        return settings.load(document, platform=key.platform, trusted=webhook_http.trusted_origins())
