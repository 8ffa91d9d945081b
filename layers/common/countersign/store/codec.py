"""Items of the table: our values to DynamoDB's attribute values and back.

An order, a child, a fact is stored as the JSON of its fields, by their names. A field that has its default is left out,
so that most rows fit into the one kilobyte that a write is charged for; a field that is missing has its default, and
what a later version wrote beside is ignored: rows of before and after stay readable.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar, get_args, get_origin

from countersign.errors import UnreadableError
from countersign.money import Money
from countersign.orders.changes import Change, Fact, OrderKey, Trust
from countersign.orders.reasons import Reason
from countersign.orders.state import Order
from countersign.orders.work import work_list
from countersign.store import keys
from countersign.store.keys import to_json

Item = dict[str, dict[str, Any]]
_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")
_Convert = Callable[[Any], Any]

_FACTS: dict[str, type[Fact]] = {cls.kind: cls for cls in get_args(Fact)}
_TRUSTS: dict[str, type[Trust]] = {cls.name: cls for cls in get_args(Trust)}
# Of an order: what stands beside its JSON, where conditions and indexes see it, and what is stored under another name.
_OWN_ATTRIBUTES = ("key", "version", "updated_at")
_STORED_AS = {"claims": "reported_payments"}


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


def event_id(item: Mapping[str, Any]) -> str:
    """Return the id of a stored event, which is its sort key's own part."""
    return str(item["sk"]["S"]).removeprefix(keys.EVENT)


def dump(value: Any) -> dict[str, Any]:
    """Return a dataclass's fields without defaults, as `to_json` takes them; money is [minor, currency]."""
    found: dict[str, Any] = {}
    kind: Any = type(value)
    for name, default, _, write in _members(kind):
        member = getattr(value, name)
        if member != default:
            found[name] = member if write is None else write(member)
    return found


def load(kind: Any, content: Any) -> Any:
    """Return the value of type `kind` that `dump` wrote."""
    read = _reader(kind)
    return content if read is None else read(content)


@cache
def _members(kind: Any) -> tuple[tuple[str, Any, _Convert | None, _Convert | None], ...]:
    """Return each field of a dataclass: its name, its default, how it is read and how it is written."""
    members: list[tuple[str, Any, Any]] = [(field.name, field.default, field.type) for field in fields(kind)]
    return tuple((name, default, _reader(annotated), _writer(annotated)) for name, default, annotated in members)


@cache
def _writer(kind: Any) -> _Convert | None:
    """Return how a value of a type becomes what JSON's encoder takes; None where it takes it, as it takes tuples."""
    if kind is Money:
        return lambda value: [value.minor, value.currency]
    if is_dataclass(kind):
        return dump
    if _is_named_tuple(kind) and kind._field_defaults.get(kind._fields[-1]) == ():
        return lambda value: value if value[-1] else value[:-1]  # as before there was a list at its end
    write = next((found for member in get_args(kind) if (found := _writer(member)) is not None), None)
    if write is None:
        return None
    if get_origin(kind) is tuple:
        return lambda value: [write(member) for member in value]
    return lambda value: None if value is None else write(value)  # X | None


@cache
def _reader(kind: Any) -> _Convert | None:
    """Return how a value of a type is read from JSON's words; None where it is there as it is."""
    if kind is Money:
        return lambda content: Money(*content)
    if is_dataclass(kind):
        return lambda content: _read_fields(kind, content)
    if _is_named_tuple(kind):
        width, within = len(kind._fields), [_reader(annotated) for annotated in kind.__annotations__.values()]
        if not any(within):
            return lambda content: kind(*content[:width])
        return lambda content: kind(
            *(member if read is None else read(member) for read, member in zip(within, content, strict=False))
        )
    members = get_args(kind)
    if get_origin(kind) is tuple:
        readers = [_reader(member) for member in members if member is not ...]
        if members[-1] is ...:
            return lambda content: tuple(content) if readers[0] is None else tuple(map(readers[0], content))
        return lambda content: tuple(
            member if read is None else read(member) for read, member in zip(readers, content, strict=True)
        )
    read = next((found for member in members if (found := _reader(member)) is not None), None)  # X | None
    return None if read is None else lambda content: None if content is None else read(content)


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _read_fields(kind: Any, content: Mapping[str, Any]) -> Any:
    return kind(
        **{
            name: content[name] if read is None else read(content[name])
            for name, _, read, _ in _members(kind)
            if name in content
        }
    )


def order_item(order: Order, *, owner: str, due_at: int | None, known: Mapping[str, Any] | None = None) -> Item:
    """Return the order's item; `due_at` puts it on the due list of the function `owner`.

    `known` is the item that it replaces: an order stays on a list of exceptions under the time when it came there.
    """
    key, status, in_review = order.key, order.status, bool(order.review_items)
    facts = {_STORED_AS.get(name, name): value for name, value in dump(order).items() if name not in _OWN_ATTRIBUTES}
    item: Item = {
        "pk": text(keys.order_pk(key)),
        "sk": text(keys.ORDER),
        "status": text(status),
        "version": number(order.version),
        "updated_at": number(order.updated_at),
        "account_shard": text(keys.account_shard(key, work_list(order, status, in_review=in_review))),
        "facts": text(to_json(facts)),
    }
    if in_review:
        item |= listed("review", key.order_id, order.updated_at, known)
    return item | due(owner, due_at, key)


def due(owner: str, due_at: int | None, key: OrderKey) -> Item:
    """Return the attributes that put an item beside an order on the due list of the function `owner`."""
    return {} if due_at is None else {"due_at": number(due_at), "due_shard": text(keys.due_shard(owner, key.order_id))}


def listed(kind: str, subject: str, now: int, known: Mapping[str, Any] | None = None) -> Item:
    """Return the attributes that put an item on a list of exceptions, under the time when it came there."""
    exception = text(keys.exception_shard(kind, subject))
    same = known is not None and known.get("exception") == exception and "listed_at" in known
    return {"exception": exception, "listed_at": known["listed_at"] if known and same else number(now)}


@_readable
def read_order(item: Mapping[str, Any]) -> Order:
    """Read an order's item."""
    facts = json.loads(item["facts"]["S"])
    members: dict[str, Any] = {
        name: facts[stored] if read is None else read(facts[stored])
        for name, _, read, _ in _members(Order)
        if (stored := _STORED_AS.get(name, name)) in facts and name not in _OWN_ATTRIBUTES
    }
    members |= {"version": int(item["version"]["N"]), "updated_at": int(item["updated_at"]["N"])}
    return Order(key=keys.order_key(item["pk"]["S"]), **members)


@_readable
def read_child(kind: type[_Value], item: Mapping[str, Any]) -> _Value:
    """Read the item of a child of an order whose values are of the type `kind`."""
    value: _Value = load(kind, json.loads(item["facts"]["S"]))
    return value


def dump_changes(changes: Sequence[Change], kind: str) -> str:
    """Write what a message said as JSON, so that it can be decided again when its order appears.

    Who said it and by which road is the same for all of a message, and stands in the row beside; so does the `kind` of
    a row, which is mostly that of what was said first, and then it is not repeated.
    """
    return to_json(
        [
            ({} if number == 0 and change.fact.kind == kind else {"kind": change.fact.kind})
            | {"fact": dump(change.fact)}
            | {name: value for name in ("tenant", "system", "anomaly") if (value := getattr(change, name))}
            | ({"aliases": change.aliases} if change.aliases else {})
            for number, change in enumerate(changes)
        ]
    )


@_readable
def read_changes(item: Mapping[str, Any], key: OrderKey | None = None) -> tuple[Change, ...]:
    """Read what a stored event said, in its sequence: about the order whose row it is beside, or about `key`."""
    key = key or keys.order_key(item["pk"]["S"])
    trust = _TRUSTS[item["trust"]["S"]](as_text(item, "key_id"))
    return tuple(
        Change(
            key,
            load(_FACTS[said.get("kind") or item["kind"]["S"]], said["fact"]),
            trust,
            item["via"]["S"],
            said.get("tenant", ""),
            said.get("system", ""),
            said.get("anomaly", ""),
            as_text(item, "envelope_id"),
            tuple((kind, value) for kind, value in said.get("aliases", ())),
        )
        for said in json.loads(item["change"]["S"])
    )


def read_change(item: Mapping[str, Any], key: OrderKey | None = None) -> Change:
    """Read what a stored event said, or said first."""
    return read_changes(item, key)[0]


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return an item's size as DynamoDB counts it: the bytes of its names and of its values."""
    size = 0
    for name, attribute in item.items():
        for kind, value in attribute.items():
            is_plain = kind == "S" and value.isascii()
            size += len(name) + (len(value) if is_plain else _value_bytes(kind, value))
    return size


def _value_bytes(kind: str, value: Any) -> int:
    if kind == "S":
        return len(value.encode())
    if kind == "N":  # a byte for two significant digits, one for the exponent, one more for a sign
        digits = str(value).lstrip("-").strip("0") or "0"
        return (len(digits) + 1) // 2 + 1 + int(value[0] == "-")
    if kind == "B":
        return len(bytes(value))
    if kind == "L":
        return 3 + sum(1 + _value_bytes(*found) for member in value for found in member.items())
    if kind == "M":
        return 3 + sum(
            1 + len(name) + _value_bytes(*found) for name, member in value.items() for found in member.items()
        )
    return 1  # true, false, null


def reasons(*whys: Reason) -> dict[str, str]:
    """Return reasons as an attribute: the code of each and, where it has any, its arguments."""
    return text(to_json([[why.code, dict(why.args)] if why.args else [why.code] for why in whys]))


@_readable
def as_reasons(item: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return the reasons of an item, none where it has none."""
    stored = json.loads(item["reasons"]["S"]) if "reasons" in item else ()
    return tuple(Reason(code, tuple(args[0].items()) if args else ()) for code, *args in stored)


def compress(raw: bytes) -> bytes:
    """Compress evidence."""
    # Setting zlib up for its largest window takes four times as long as compressing a notice does.
    window, memory = (12, 5) if len(raw) <= 4096 else (zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)
    packer = zlib.compressobj(9, zlib.DEFLATED, -window, memory)  # a negative window: without zlib's own header
    return packer.compress(raw) + packer.flush()


def decompress(data: bytes) -> bytes:
    """Return the exact bytes that arrived."""
    return zlib.decompress(data, -zlib.MAX_WBITS)
