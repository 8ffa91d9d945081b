"""Which origins a browser may call an app from: those of its document, and those that its stores are known by."""

from typing import Any, Protocol

from countersign.store import dynamo, keys
from countersign.store.codec import text

SK = "ORIGIN"


class Allows(Protocol):
    """Rules that name origins."""

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Return origins as browsers write them."""


class Origins:
    """The rows `ORIGIN#{app}#{origin}`, each written with the store that it is of."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def remember(self, app: str, origin: str, account: str) -> None:
        """Let a browser call an app from an origin of an account."""
        row = {"pk": text(_pk(app, origin)), "sk": text(SK), "account": text(account)}
        dynamo.put(self._client, self._table, row)

    def allows(self, app: str, origin: str, rules: Allows) -> bool:
        """Tell whether a call from an origin may be answered."""
        return origin in rules.allowed_origins or self.is_known(app, origin)

    def is_known(self, app: str, origin: str) -> bool:
        """Tell whether an origin is one of an app's stores'."""
        if not origin.isascii():  # browsers write every origin so: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
            return False
        row = (_pk(app, origin), SK)
        return row in dynamo.read_many(self._client, self._table, [row])


def _pk(app: str, origin: str) -> str:
    return f"ORIGIN#{keys.part(app)}#{keys.part(origin)}"
