"""Pages that one shopper may open: what each shows, under the digest of a token that only its address holds."""

import json
from dataclasses import dataclass
from typing import Any

from countersign.orders.changes import OrderKey
from countersign.signing import digests, nonces
from countersign.store import dynamo
from countersign.store.codec import number, text

AFTER_EXPIRY = 3600  # seconds for which a page tells what became of its payment


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows of an order: the code to scan, where the shopper goes afterwards, in which language."""

    key: OrderKey
    content: str
    return_url: str
    cancel_url: str
    locale: str
    shop_name: str
    expires_at: int


class Pages:
    """The rows of pages, in the table whose rows expire."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def put(self, page: Page) -> str:
        """Keep a page; return the token of its address: 256 random bits, of which the table has the digest only."""
        token = nonces.nonce() + nonces.nonce()
        key = [page.key.platform, page.key.account, page.key.order_id]
        content = {
            "key": key,
            "content": page.content,
            "return_url": page.return_url,
            "cancel_url": page.cancel_url,
            "locale": page.locale,
            "shop_name": page.shop_name,
            "expires_at": page.expires_at,
        }
        row = {
            "id": text(_row(token)),
            "expiration": number(page.expires_at + AFTER_EXPIRY),
            "page": text(json.dumps(content, ensure_ascii=False)),
        }
        dynamo.put(self._client, self._table, row)
        return token

    def get(self, token: str, *, now: int) -> Page | None:
        """Return the page of a token; None where there is none, or no longer."""
        return _read(dynamo.read_expiring(self._client, self._table, _row(token)), now)


def _row(token: str) -> str:
    return f"page#{digests.sha256(token.encode('utf-8', 'surrogatepass'))}"


def _read(item: Any, now: int) -> Page | None:
    if not item or int(item["expiration"]["N"]) < now:
        return None
    content = json.loads(item["page"]["S"])
    return Page(key=OrderKey(*content.pop("key")), **content)
