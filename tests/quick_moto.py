"""What moto does again and again for the same answer is done once: a third of what its calls cost, and the suite's.

Nothing that it answers changes. Where a newer moto does not have what is replaced here, the import fails: then this
file is to be looked at, or goes.
"""

import base64
import copy
import json
from collections import defaultdict
from collections.abc import Callable
from functools import cache, wraps
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import moto.core.responses
import moto.core.utils
import moto.dynamodb.models
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.exceptions import HTTPException, ServiceException
from moto.core.responses import ActionResult
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend, Table
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler

# The methods of a class are looked for in each call of it.
moto.core.utils.method_names_from_class = moto.core.responses.method_names_from_class = cache(
    moto.core.utils.method_names_from_class
)


# What is done to items: a call of these goes to the table at once, past the choice among all services' addresses, a
# request of a web framework, and the reading and writing of a model's shapes.
OF_ITEMS = {
    "BatchGetItem": "batch_get_item",
    "DeleteItem": "delete_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
    "TransactWriteItems": "transact_write_items",
    "UpdateItem": "update_item",
}
TARGET = "DynamoDB_20120810."
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


def _bytes(members: dict[str, Any]) -> dict[str, Any]:
    """Read what is bytes in a value."""
    if len(members) == 1:
        ((name, value),) = members.items()
        if name == "B" and isinstance(value, str):
            return {"B": base64.b64decode(value)}
        if name == "BS" and isinstance(value, list):
            return {"BS": [base64.b64decode(one) for one in value]}
    return members


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value)} in an answer")


def _at_once(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Do to items what a call says; whatever is refused changes nothing, and goes the long way to be refused."""

    @wraps(answer)
    def of_items(self: BotocoreStubber, event_name: str, request: Any, **given: Any) -> Any:
        target, address = _header(request, "X-Amz-Target"), urlsplit(request.url).netloc
        action = OF_ITEMS.get(target.removeprefix(TARGET)) if target.startswith(TARGET) else None
        service, _, rest = address.partition(".")
        region, _, domain = rest.partition(".")
        if not self.enabled or action is None or service != "dynamodb" or domain != "amazonaws.com":
            return answer(self, event_name, request, **given)
        handler = DynamoHandler()
        handler.headers = {"Authorization": _header(request, "Authorization")}
        handler.querystring, handler.response_headers, handler.uri_match = {}, {}, {}
        handler.region, handler.current_account = region, handler.get_current_account()
        handler.body = handler.params = json.loads(request.body, object_hook=_bytes)
        try:
            result = getattr(handler, action)()
        except (HTTPException, ServiceException):
            return answer(self, event_name, request, **given)
        assert isinstance(result, ActionResult)
        content = json.dumps(result.result, default=_text).encode()
        headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "0" * 52}
        return AWSResponse(request.url, 200, headers, MockRawResponse(content))  # type: ignore[arg-type]

    return of_items


def _header(request: Any, name: str) -> str:
    value = request.headers.get(name) or ""
    return value.decode() if isinstance(value, bytes) else str(value)


BotocoreStubber.__call__ = _at_once(BotocoreStubber.__call__)
DynamoDBBackend.transact_write_items = _copied_once(DynamoDBBackend.transact_write_items)
Table.query = _where_it_can_be(Table.query)
DynamoType.__eq__, DynamoType.__lt__, DynamoType.__hash__ = _equal, _before, _hash
BaseJSONSerializer._serialize_type_structure = _only_what_is_there(BaseJSONSerializer._serialize_type_structure)
