"""What moto does again and again for the same answer is done once: a third of what its calls cost, and the suite's.

Nothing that it answers changes. Where a newer moto does not have what is replaced here, the import fails: then this
file is to be looked at, or goes.
"""

import copy
from collections.abc import Callable
from functools import cache, wraps
from types import SimpleNamespace
from typing import Any

import moto.core.responses
import moto.core.utils
import moto.dynamodb.models
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend, Table

# The methods of a class are looked for in each call of it.
moto.core.utils.method_names_from_class = moto.core.responses.method_names_from_class = cache(
    moto.core.utils.method_names_from_class
)


def _copied_once(transact: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a table before a transaction once: it is copied for each item, and each time whole."""

    @wraps(transact)
    def with_copies(self: Any, items: Any) -> Any:
        copies: dict[int, Any] = {}

        def deepcopy(value: Any, memo: Any = None) -> Any:
            if not isinstance(value, Table):
                return copy.deepcopy(value, memo)
            if id(value) not in copies:
                copies[id(value)] = copy.deepcopy(value, memo)
            return copies[id(value)]

        moto.dynamodb.models.copy = SimpleNamespace(deepcopy=deepcopy)
        try:
            return transact(self, items)
        finally:
            moto.dynamodb.models.copy = copy

    return with_copies


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


DynamoDBBackend.transact_write_items = _copied_once(DynamoDBBackend.transact_write_items)
BaseJSONSerializer._serialize_type_structure = _only_what_is_there(BaseJSONSerializer._serialize_type_structure)
