"""Refusals whose reason is a code with arguments, so that programs can branch on it and people read it as they like."""

from typing import TypeVar

from countersign.errors import CountersignError
from countersign.orders.reasons import Reason
from countersign.orders.sentences import sentence

Error = TypeVar("Error", bound=CountersignError)


def refusal(kind: type[Error], reason: Reason | None) -> Error:
    """Return an error of a kind that carries its reason; its text is the English sentence, which logs hold."""
    error = kind(sentence(reason) or "refused")
    error.reason = reason
    return error
