"""What moto does again and again for the same answer is done once: a third of what its calls cost, and the suite's.

Nothing that it answers changes. Where a newer moto does not have what is replaced here, the import fails: then this
file is to be looked at, or goes.
"""

import base64
import copy
import json
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache, wraps
from types import SimpleNamespace
from typing import Any

import moto.core.responses
import moto.core.utils
import moto.dynamodb.models
from botocore.handlers import BUILTIN_HANDLERS
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import ServiceException
from moto.core.models import botocore_stubber
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend, Table
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

# The methods of a class are looked for in each call of it.
moto.core.utils.method_names_from_class = moto.core.responses.method_names_from_class = cache(
    moto.core.utils.method_names_from_class
)


INDEX_NAME = 6  # its place among a query's arguments behind the hash key


def _with_what_is_named(table: Table, named: Any) -> Table:
    """Return a table as it is now: only the items that a transaction names are changed by it, so only those are copied.

    Nothing changes an item that is in another table's place: a write puts a new one there, or changes its own.
    """
    before = copy.copy(table)
    before.items = defaultdict(dict)
    for hash_key, found in table.items.items():
        kept: Any = dict(found) if table.range_key_attr else found
        before.items[hash_key] = copy.deepcopy(kept) if hash_key in named else kept
    return before


def _copied_once(transact: Callable[..., Any]) -> Callable[..., Any]:
    """Copy what a transaction names before it: the whole table is copied for each item."""

    @wraps(transact)
    def with_copies(self: Any, items: Any) -> Any:
        copies: dict[int, Any] = {}

        def deepcopy(value: Any, memo: Any = None) -> Any:
            if not isinstance(value, Table) or value.stream_shard is not None:
                return copy.deepcopy(value, memo)
            if id(value) not in copies:
                asked = [item for operation in items for item in operation.values()]
                keys = [one.get("Key") or one.get("Item") or {} for one in asked]
                named = {DynamoType(key[value.hash_key_attr]) for key in keys if value.hash_key_attr in key}
                copies[id(value)] = _with_what_is_named(value, named)
            return copies[id(value)]

        moto.dynamodb.models.copy = SimpleNamespace(deepcopy=deepcopy)
        try:
            return transact(self, items)
        finally:
            moto.dynamodb.models.copy = copy

    return with_copies


def _where_it_can_be(query: Callable[..., Any]) -> Callable[..., Any]:
    """Look for what a query may find where it can be: the whole table is sorted for each, and its answer once more."""

    @wraps(query)
    def over_few(self: Table, hash_key: Any, *args: Any, **options: Any) -> Any:
        wanted = [(name, value) for name, value in options.get("hash_key_conditions") or () if value.type == "S"]
        indexed = args[INDEX_NAME] if len(args) > INDEX_NAME else options.get("index_name")

        def all_items() -> list[Any]:
            if indexed is None:
                found: Any = self.items.get(hash_key, {}) if self.range_key_attr else self.items
                return list(found.values())
            rows: Any = self.items.values()
            rows = [row for kept in rows for row in kept.values()] if self.range_key_attr else list(rows)
            for name, value in wanted:
                text = value.value
                rows = [row for row in rows if name in row.attrs and row.attrs[name].value == text]
            return list(rows)

        self.all_items = all_items  # type: ignore[method-assign]
        try:
            return query(self, hash_key, *args, **options)
        finally:
            del self.all_items

    return over_few


def _equal(self: DynamoType, other: DynamoType) -> bool:
    """Tell whether two values are the same; most are text, which needs no cast."""
    if self.type != other.type:
        return False
    if self.type == "S":
        return bool(self.value == other.value)
    return bool(self.cast_value == other.cast_value)


def _before(self: DynamoType, other: DynamoType) -> bool:
    if self.type == other.type == "S":
        return bool(self.value < other.value)
    return bool(self.cast_value < other.cast_value)


def _hash(self: DynamoType) -> int:
    return hash((self.type, self.value if self.type == "S" else self.cast_value))


def _only_what_is_there(write: Callable[..., Any]) -> Callable[..., Any]:
    """Write a value's one member: whether there are the nine others is asked of each value in six ways."""

    @wraps(write)
    def of_values(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name != "AttributeValue" or type(value) is not dict or not key:
            write(self, serialized, value, shape, key)
            return
        wrapper = self.MAP_TYPE()
        for name, one in value.items():
            member = shape.members[name]
            member.parent = shape
            if one is not None:
                self._serialize(wrapper, one, member, name)
        self._default_serialize(serialized, wrapper, shape, key)

    return of_values


# An item's operations by their method: those of which a refusal leaves nothing behind.
_OF_ITEMS = {
    "GetItem": "get_item",
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "Query": "query",
    "Scan": "scan",
    "BatchGetItem": "batch_get_item",
    "TransactWriteItems": "transact_write_items",
}
_TABLES = re.compile(r"https://dynamodb\.([a-z0-9-]+)\.amazonaws\.com")


def _binary(found: dict[str, Any]) -> dict[str, Any]:
    """Read binary values: no other object of a request has one text named B, for attributes have types."""
    if len(found) == 1:
        ((kind, value),) = found.items()
        if kind == "B" and isinstance(value, str):
            return {"B": base64.b64decode(value)}
        if kind == "BS" and isinstance(value, list):
            return {"BS": [base64.b64decode(one) for one in value]}
    return found


def _straight_to_its_table(model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
    """Ask the operation itself, once the client has checked the call: the way to it signs and finds all anew each time.

    What it refuses is asked again on the long way, which words it; so is all while moto is not there.
    """
    found = _TABLES.match(params["url"])
    if not botocore_stubber.enabled or found is None or model.name not in _OF_ITEMS:
        return None
    handler = DynamoHandler()
    handler.current_account, handler.region = DEFAULT_ACCOUNT_ID, found[1]
    handler.body = handler.params = json.loads(params["body"], object_hook=_binary)
    try:
        answer = getattr(handler, _OF_ITEMS[model.name])().result
    except (ServiceException, HTTPException):
        return None
    parsed = {name: answer[name] for name in model.output_shape.members if answer.get(name) is not None}
    parsed["ResponseMetadata"] = {"RequestId": "A" * 52, "HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
    return SimpleNamespace(status_code=200, headers={}, content=b""), parsed


DynamoDBBackend.transact_write_items = _copied_once(DynamoDBBackend.transact_write_items)
Table.query = _where_it_can_be(Table.query)
DynamoType.__eq__, DynamoType.__lt__, DynamoType.__hash__ = _equal, _before, _hash
BaseJSONSerializer._serialize_type_structure = _only_what_is_there(BaseJSONSerializer._serialize_type_structure)
BUILTIN_HANDLERS.append(("before-call.dynamodb", _straight_to_its_table))  # as moto adds its own
