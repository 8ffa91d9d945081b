"""Values of `countersign.values` are what those of `dataclasses` are."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from countersign.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Ours:
    """A value."""

    number: int
    word: str = "none"
    kind: ClassVar[str] = "ours"

    @property
    def double(self) -> int:
        return 2 * self.number


@dataclasses.dataclass(frozen=True, slots=True)
class Usual:
    """A value."""

    number: int
    word: str = "none"
    kind: ClassVar[str] = "ours"

    @property
    def double(self) -> int:
        return 2 * self.number


@dataclass(frozen=True, slots=True)
class One:
    """A value of one field."""

    word: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """A value without fields."""

    kind: ClassVar[str] = "nothing"


@dataclass(frozen=True, slots=True)
class Listed:
    """A value that asks for more than plain fields."""

    found: list[int] = dataclasses.field(default_factory=list)


def again(value: object) -> object:
    """Return what is read of a value that was written."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


@pytest.mark.parametrize(
    "act",
    [
        lambda kind: repr(kind(1)).replace(kind.__name__, "").rpartition(".")[2],
        lambda kind: [(one.name, one.default, one.type) for one in dataclasses.fields(kind)],
        lambda kind: (kind.__doc__, kind.__match_args__, kind.__slots__, kind.kind, kind(1).double),
        lambda kind: list(inspect.signature(kind).parameters),
        lambda kind: (kind(1) == kind(1), kind(1) == kind(2), kind(1) != kind(1, "x"), kind(1) == (1, "none")),
        lambda kind: len({kind(1), kind(1), kind(2)}),
        lambda kind: dataclasses.asdict(dataclasses.replace(kind(1), word="x")),
        lambda kind: again(kind(1, "x")) == copy.deepcopy(kind(1, "x")) == kind(1, "x"),
        lambda kind: (dataclasses.is_dataclass(kind), hasattr(kind(1), "__dict__"), kind.__module__),
    ],
)
def test_a_value_is_as_one_of_dataclasses(act: Callable[[type[Any]], object]) -> None:
    assert act(Ours) == act(Usual)


def test_a_value_does_not_change() -> None:
    kind: type[Any] = Ours
    for name in ("number", "kind", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(kind(1), name, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del kind(1).number
    with pytest.raises(TypeError):
        kind()


def test_values_of_two_classes_are_never_equal() -> None:
    assert Ours(1) != Usual(1)
    assert Nothing() == Nothing() != One("")
    assert len({Nothing(), Nothing(), One("a"), One("a")}) == 2
    assert again(One("a")) == One("a")
    match Ours(3, "x"):
        case Ours(number, word):
            assert (number, word) == (3, "x")


def test_what_asks_for_more_is_made_as_usual() -> None:
    first, second = Listed(), Listed()

    assert first == second
    assert first.found is not second.found


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (Ours(1), {}),
        (Ours(1), {"number": 2}),
        (Ours(1, "x"), {"word": "y"}),
        (One("a"), {"word": "b"}),
        (Nothing(), {}),
        (Listed([1]), {"found": []}),
        (Usual(1), {"number": 2}),
    ],
)
def test_replace_does_what_that_of_dataclasses_does(value: Any, changes: dict[str, Any]) -> None:
    assert replace(value, **changes) == dataclasses.replace(value, **changes)


def test_replace_refuses_a_field_that_is_none() -> None:
    with pytest.raises(TypeError):
        replace(Ours(1), other=2)  # type: ignore[call-arg]
