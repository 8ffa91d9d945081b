"""Sessions by the platform's own numbers, and which one of a checkout's is the one that is paid."""

from typing import Any, NamedTuple

from countersign.orders.changes import OrderKey
from countersign.orders.sessions import PAYMENT, REJECT, UNDECIDED, Session, session_id
from countersign.orders.state import Order
from countersign.store import OrderStore, children, codec, dynamo, keys
from countersign.store.codec import text
from countersign.store.record import alias_row

_WINNER = "PAID-SESSION"  # beside an order: the one session of it that may be resolved


class Found(NamedTuple):
    """A session with its order."""

    key: OrderKey
    order: Order
    session: Session


class SessionStore:
    """The sessions of a platform's orders."""

    def __init__(self, store: OrderStore) -> None:
        self._store = store
        self._client, self._table = store.client, store.table

    def find(self, platform: str, account: str, about: str, number: str) -> Found | None:
        """Return a session by the platform's own number of its kind; None where it is not known."""
        key = self.order_of(platform, account, about, number)
        return self.read(key, session_id(about, number)) if key is not None else None

    def order_of(self, platform: str, account: str, about: str, number: str) -> OrderKey | None:
        """Return the order that a session belongs to."""
        row = alias_row(OrderKey(platform, account, "~"), "session", session_id(about, number))
        item = dynamo.read_many(self._client, self._table, [row]).get(row)
        return keys.order_key(codec.as_text(item, "order")) if item is not None else None

    def read(self, key: OrderKey, number: str) -> Found | None:
        """Return one session of an order."""
        found = children.read(self._client, self._table, key, "session", number)
        return Found(key, found.order, found.child) if found is not None else None

    def all(self, key: OrderKey) -> list[Session]:
        """Return an order's sessions, oldest first."""
        found = children.read_all(self._client, self._table, key, "session")
        return sorted(found, key=lambda one: (one.requested_at, one.session_id))

    def claim(self, key: OrderKey, number: str) -> str:
        """Return the payment session that an order's money counts for: this one, unless another was first."""
        row = {"pk": text(keys.order_pk(key)), "sk": text(_WINNER)}
        values = {":own": text(number)}
        free = "attribute_not_exists(paid_session) OR paid_session = :own"
        if dynamo.update_if(self._client, self._table, row, "SET paid_session = :own", free, values):
            return number
        held = self._claimed(key)
        if self._is_rejected(key, held):
            values[":held"] = text(held)
            if dynamo.update_if(
                self._client, self._table, row, "SET paid_session = :own", "paid_session = :held", values
            ):
                return number
        return self.winner(key)

    def winner(self, key: OrderKey) -> str:
        """Return the payment session that counts; empty where none is paid, or only one that was rejected since."""
        held = self._claimed(key)
        return "" if self._is_rejected(key, held) else held

    def _claimed(self, key: OrderKey) -> str:
        row = (keys.order_pk(key), _WINNER)
        return codec.as_text(dynamo.read_many(self._client, self._table, [row]).get(row, {}), "paid_session")

    def _is_rejected(self, key: OrderKey, number: str) -> bool:
        """Tell whether a session is rejected: its money went back, and another of the checkout's may be paid."""
        found = self.read(key, number) if number else None
        return found is not None and found.session.operation == REJECT

    def told_ready(self, platform: str, app: str, account: str) -> str:
        """Return what an account was last told of the app's readiness; empty where nothing was."""
        row = _readiness(platform, app, account)
        return codec.as_text(dynamo.read_many(self._client, self._table, [row]).get(row, {}), "told")

    def tell_ready(self, platform: str, app: str, account: str, told: str) -> None:
        """Keep what an account was told of the app's readiness."""
        pk, sk = _readiness(platform, app, account)
        dynamo.put(self._client, self._table, {"pk": text(pk), "sk": text(sk), "told": text(told)})

    def make_due(self, key: OrderKey, owner: str, *, now: int) -> None:
        """Have `owner` look at each session of an order that is not over, at once.

        Also at one whose platform is being told something that is no end, whenever it would be told that again. At a
        payment that is over too: money that comes for it after that goes back.
        """
        for session in self.all(key):
            is_open = session.status in UNDECIDED or (session.status == "deciding" and not session.is_decided)
            is_over = session.status in ("rejected", "resolved") and session.hold_ends_at is None
            if is_open or (is_over and session.about == PAYMENT):
                row = {"pk": text(keys.order_pk(key)), "sk": text(keys.child_sk("session", session.session_id))}
                values: dict[str, Any] = {
                    ":now": codec.number(now),
                    ":shard": text(keys.due_shard(owner, key.order_id)),
                    ":status": text(session.status),
                }
                dynamo.update_if(
                    self._client,
                    self._table,
                    row,
                    "SET due_at = :now, due_shard = :shard",
                    "#status = :status",
                    values,
                )


def _readiness(platform: str, app: str, account: str) -> tuple[str, str]:
    return f"READY#{keys.part(platform)}#{keys.part(app)}", keys.part(account)
