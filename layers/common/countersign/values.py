"""The `dataclass` of frozen values, made in half the time: a callback's cold start makes nearly a hundred of them.

`dataclasses` writes and compiles six methods for each class. Here one is compiled, `__init__`; the others are the same
for every class, and compare and hash a value by its fields. All else is as there: `fields`, `replace`, patterns,
`FrozenInstanceError`. A class that asks for more (`field()`, an order, a base) is made there. `replace`
is for where each callback comes by: it takes a value's fields at once, not one by one.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import replace as replace
else:
    import dataclasses
    from operator import attrgetter

    def dataclass(*, frozen, slots, **more):
        """Return what makes values of a class."""

        def make(cls):
            content = vars(cls)
            asks = more or "__post_init__" in content or cls.__bases__ != (object,)
            if asks or any(isinstance(value, dataclasses.Field) for value in content.values()):
                return dataclasses.dataclass(frozen=frozen, slots=slots, **more)(cls)
            return _value(dataclasses.dataclass(init=False, repr=False, eq=False)(cls))

        return make

    def replace(value, /, **changes):
        """Return a value with some of its fields changed."""
        names, content = value.__slots__, getattr(value, "_content", None)
        if content is None or len(names) < 2:
            return dataclasses.replace(value, **changes)
        return type(value)(**{**dict(zip(names, content(value), strict=True)), **changes})

    def _value(cls):
        members = dataclasses.fields(cls)
        names = tuple(one.name for one in members)
        content = {name: value for name, value in vars(cls).items() if name not in (*names, "__dict__", "__weakref__")}
        told = {"__slots__": names, "_content": attrgetter(*names) if names else type}
        made = type(cls.__name__, (object,), {**_METHODS, **content, **told})
        known, arguments, lines = {}, ["self"], ["pass"]
        for one in members:
            known[f"_set_{one.name}"] = vars(made)[one.name].__set__
            lines.append(f"_set_{one.name}(self, {one.name})")
            if one.default is dataclasses.MISSING:
                arguments.append(one.name)
            else:
                known[f"_default_{one.name}"] = one.default
                arguments.append(f"{one.name}=_default_{one.name}")
        exec(f"def __init__({', '.join(arguments)}): {'; '.join(lines)}", known)  # noqa: S102 - as dataclasses does
        made.__init__ = init = known["__init__"]
        init.__qualname__ = f"{made.__qualname__}.__init__"
        init.__annotations__ = {one.name: one.type for one in members} | {"return": None}
        return made

    def _equal(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        content = self._content
        return content(self) == content(other)

    def _hash(self):
        return hash(self._content(self))

    def _show(self):
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"

    def _refuse_to_set(self, name, value):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _refuse_to_delete(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def _state(self):
        return [getattr(self, name) for name in self.__slots__]

    def _restore(self, state):
        for name, value in zip(self.__slots__, state, strict=True):
            object.__setattr__(self, name, value)

    _METHODS = {
        "__eq__": _equal,
        "__hash__": _hash,
        "__repr__": _show,
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__getstate__": _state,
        "__setstate__": _restore,
    }
