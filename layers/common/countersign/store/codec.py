"""Items of the table: our values to DynamoDB's attribute values and back."""

import json
import zlib
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from countersign.errors import UnreadableError
from countersign.money import Money
from countersign.orders import changes
from countersign.orders.changes import Change, Fact, Line, OrderKey, Parcel, Terms, Trust
from countersign.orders.state import Anomaly, Order, Refund, ReportedPayment, Resolution, Settlement, Shipment
from countersign.store import keys

Item = dict[str, dict[str, Any]]
_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")

_FACTS: dict[str, type[Fact]] = {
    cls.kind: cls
    for cls in (
        changes.OrderCreated,
        changes.Prepared,
        changes.Paid,
        changes.Unpaid,
        changes.Failed,
        changes.Closed,
        changes.RefundReported,
        changes.RefundStarted,
        changes.RefundAudited,
        changes.SettlementRequested,
        changes.SettlementReported,
        changes.ShipmentRequested,
        changes.ShipmentReported,
        changes.PlatformEvent,
        changes.Unrecognised,
        changes.CloseRequested,
        changes.Resolved,
        changes.RefundRequested,
        changes.RefundDecided,
        changes.RefundRefused,
        changes.RefundRetried,
        changes.RefundResolved,
        changes.RefundAbsent,
        changes.BillDiffers,
        changes.Replaced,
        changes.Flagged,
    )
}
_TRUSTS: dict[str, type[Trust]] = {
    cls.name: cls for cls in (changes.Verified, changes.Queried, changes.Bill, changes.Operator, changes.Hint)
}


def _readable(read: Callable[_Arguments, _Value]) -> Callable[_Arguments, _Value]:
    """Make one error of ours of everything that can be wrong with a row: it must not end a run over many."""

    @wraps(read)
    def reading(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Value:
        try:
            return read(*args, **kwargs)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableError(f"a stored row cannot be read: {type(error).__name__}") from error

    return reading


def text(value: str) -> dict[str, str]:
    """Return a string attribute."""
    return {"S": value}


def number(value: int) -> dict[str, str]:
    """Return a number attribute."""
    return {"N": str(value)}


def as_text(item: Mapping[str, Any], name: str) -> str:
    """Return a string attribute's value, empty where absent."""
    return str(item[name]["S"]) if name in item else ""


def as_number(item: Mapping[str, Any], name: str) -> int | None:
    """Return a number attribute's value."""
    return int(item[name]["N"]) if name in item else None


# One encoder for all: json.dumps would make one for each call.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _money(value: Money) -> list[Any]:
    return [value.minor, value.currency]


def _fields(value: Any) -> dict[str, Any]:
    """Return a dataclass's fields, nested ones too; `asdict` would copy every value deeply."""
    return {name: _plain(getattr(value, name)) for name in value.__slots__}


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    return _fields(value) if isinstance(value, Terms) else value


def order_item(order: Order, *, owner: str, due_at: int | None) -> Item:
    """Return the order's item; `due_at` puts it on the due list of the function `owner`."""
    key, terms = order.key, order.terms
    facts = {
        "terms": {**_fields(terms), "amount": _money(terms.amount)},
        "prepared": order.prepared,
        "claims": [{**_fields(claim), "total": _money(claim.total)} for claim in order.claims],
        "closed_at": order.closed_at,
        "failed": order.failed,
        "close_asked_at": order.close_asked_at,
        "anomalies": [[anomaly.reason, anomaly.subject] for anomaly in order.anomalies],
        "resolutions": [_fields(resolution) for resolution in order.resolutions],
        "refund_seen": order.refund_seen,
        "late_refund_id": order.late_refund_id,
        "replaced_by": order.replaced_by,
    }
    item: Item = {
        "pk": text(keys.order_pk(key)),
        "sk": text(keys.ORDER),
        "status": text(order.status),
        "version": number(order.version),
        "updated_at": number(order.updated_at),
        "account_shard": text(keys.account_shard(key)),
        "refunded": number(order.refunded),
        "reserved": number(order.reserved),
        "settled": number(order.settled),
        "facts": text(_json(facts)),
    }
    if order.review_items:
        item["exception"] = text("review")
    if due_at is not None:
        item["due_at"] = number(due_at)
        item["due_shard"] = text(keys.due_shard(owner, key.order_id))
    return item


@_readable
def read_order(item: Mapping[str, Any]) -> Order:
    """Read an order's item."""
    facts = json.loads(item["facts"]["S"])
    terms = facts["terms"]
    return Order(
        key=keys.order_key(item["pk"]["S"]),
        terms=_terms({**terms, "amount": Money(*terms["amount"])}),
        prepared=facts["prepared"],
        claims=tuple(
            ReportedPayment(**{**claim, "total": Money(*claim["total"]), "evidence": tuple(claim["evidence"])})
            for claim in facts["claims"]
        ),
        closed_at=facts["closed_at"],
        failed=facts["failed"],
        close_asked_at=facts["close_asked_at"],
        anomalies=tuple(Anomaly(*anomaly) for anomaly in facts["anomalies"]),
        resolutions=tuple(Resolution(**resolution) for resolution in facts["resolutions"]),
        refund_seen=facts["refund_seen"],
        refunded=int(item["refunded"]["N"]),
        reserved=int(item["reserved"]["N"]),
        settled=int(item["settled"]["N"]),
        late_refund_id=facts["late_refund_id"],
        replaced_by=facts["replaced_by"],
        version=int(item["version"]["N"]),
        updated_at=int(item["updated_at"]["N"]),
    )


def _terms(content: dict[str, Any]) -> Terms:
    metadata = tuple((name, value) for name, value in content["metadata"])
    lines = tuple(Line(*line) for line in content.get("lines", ()))  # orders of before have none
    receivers = tuple(content.get("share_receivers", ()))
    return Terms(**{**content, "metadata": metadata, "lines": lines, "share_receivers": receivers})


def refund_item(key: OrderKey, refund: Refund, *, owner: str, due_at: int | None, since: int, now: int) -> Item:
    """Return a refund's item, which has its status since `since`."""
    content = {**_fields(refund), "amount": _money(refund.amount)}
    item: Item = {
        "pk": text(keys.order_pk(key)),
        "sk": text(keys.refund_sk(refund.refund_id)),
        "status": text(refund.status),
        "since": number(since),
        "updated_at": number(now),
        "account_shard": text(keys.refunds_shard(refund.status, key)),
        "facts": text(_json(content)),
    }
    if refund.status == "needs_action":
        item["exception"], item["reason"] = text("needs_action"), text(refund.problem)
    if due_at is not None:
        item["due_at"] = number(due_at)
        item["due_shard"] = text(keys.due_shard(owner, key.order_id))
    return item


@_readable
def read_refund(item: Mapping[str, Any]) -> Refund:
    """Read a refund's item."""
    content = json.loads(item["facts"]["S"])
    content["amount"] = Money(*content["amount"])
    content["reported"] = tuple(content["reported"])
    return Refund(**content)


def settlement_item(key: OrderKey, settlement: Settlement, *, owner: str, due_at: int | None, now: int) -> Item:
    """Return a settlement's item."""
    item: Item = {
        "pk": text(keys.order_pk(key)),
        "sk": text(keys.settlement_sk(settlement.settlement_id)),
        "status": text(settlement.status),
        "updated_at": number(now),
        "facts": text(_json(_fields(settlement))),
    }
    if due_at is not None:
        item["due_at"] = number(due_at)
        item["due_shard"] = text(keys.due_shard(owner, key.order_id))
    return item


@_readable
def read_settlement(item: Mapping[str, Any]) -> Settlement:
    """Read a settlement's item."""
    content = json.loads(item["facts"]["S"])
    content["shares"] = tuple((uid, minor) for uid, minor in content["shares"])
    return Settlement(**content)


def shipment_item(key: OrderKey, shipment: Shipment, *, owner: str, due_at: int | None, now: int) -> Item:
    """Return a shipment's item."""
    item: Item = {
        "pk": text(keys.order_pk(key)),
        "sk": text(keys.shipment_sk(shipment.shipment_id)),
        "status": text(shipment.status),
        "updated_at": number(now),
        "facts": text(_json(_fields(shipment))),
    }
    if shipment.status == "needs_action":
        item["exception"], item["reason"] = text("needs_action"), text(shipment.problem)
    if due_at is not None:
        item["due_at"] = number(due_at)
        item["due_shard"] = text(keys.due_shard(owner, key.order_id))
    return item


@_readable
def read_shipment(item: Mapping[str, Any]) -> Shipment:
    """Read a shipment's item."""
    content = json.loads(item["facts"]["S"])
    content["parcels"] = tuple(Parcel(*parcel) for parcel in content["parcels"])
    return Shipment(**content)


def dump_change(change: Change) -> str:
    """Write a change as JSON, so that an orphan can be decided again when its order appears."""
    fact = _fields(change.fact)
    return _json(
        {
            "kind": change.fact.kind,
            "fact": fact,
            "trust": change.trust.name,
            "key_id": change.trust.key_id,
            "via": change.via,
            "tenant": change.tenant,
            "system": change.system,
            "anomaly": change.anomaly,
            "envelope_id": change.envelope_id,
            "aliases": change.aliases,
        }
    )


@_readable
def load_change(key: OrderKey, content: str) -> Change:
    """Read a change that `dump_change` wrote."""
    data = json.loads(content)
    fact = {name: _load_value(value) for name, value in data["fact"].items()}
    if "parcels" in fact:
        fact["parcels"] = tuple(Parcel(*parcel) for parcel in fact["parcels"])
    return Change(
        key,
        _FACTS[data["kind"]](**fact),
        _TRUSTS[data["trust"]](data["key_id"]),
        data["via"],
        data["tenant"],
        data["system"],
        data["anomaly"],
        data["envelope_id"],
        tuple((kind, value) for kind, value in data["aliases"]),
    )


def _load_value(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"minor", "currency"}:
        return Money(**value)
    if isinstance(value, dict):  # the terms of an opened order
        return _terms({name: _load_value(member) for name, member in value.items()})
    if isinstance(value, list):
        return tuple(_load_value(member) for member in value)
    return value


def compress(raw: bytes) -> bytes:
    """Compress evidence."""
    return zlib.compress(raw, 1)


def decompress(data: bytes) -> bytes:
    """Return the exact bytes that arrived."""
    return zlib.decompress(data)
