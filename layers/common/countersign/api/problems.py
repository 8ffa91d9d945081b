"""Errors as problem documents (RFC 9457): a type and a code that stay, and sentences in the caller's language."""

import re

from countersign.api.languages import accepted, chosen
from countersign.errors import (
    CountersignError,
    InProgressError,
    RateLimitedError,
    TemporaryError,
    UnprocessableError,
)
from countersign.http import HttpReply, HttpRequest, problem
from countersign.orders.reasons import Reason
from countersign.orders.sentences import ENGLISH, catalogue, sentence

TYPE = "urn:countersign:problem:"
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
LATER = {"retry-after": "5"}


def kind_of(error: type[CountersignError]) -> str:
    """Return what a kind of error is called in codes: `NotFoundError` is `not_found`, a platform's own as its base."""
    for known in error.__mro__:
        name = _WORD.sub("_", known.__name__.removesuffix("Error")).lower()
        if f"problem.{name}" in catalogue(ENGLISH):
            return name
    return "countersign"


def as_problem(error: CountersignError, language: str = ENGLISH) -> HttpReply:
    """Return the document: `title` says the kind, `code` and `args` the reason, `detail` the same in a sentence."""
    kind = kind_of(type(error))
    reason: Reason | None = error.reason
    code = reason.code if reason else kind
    later = isinstance(error, InProgressError | RateLimitedError | TemporaryError)
    return problem(
        error.status,
        sentence(Reason(f"problem.{kind}"), language) or kind,
        kind=TYPE + code.replace("_", "-"),
        headers=LATER if later else {},
        code=code,
        args=dict(reason.args) if reason else {},
        detail=(sentence(reason, language) if reason else str(error)) or "",
    )


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Answer an error on a route of the merchant API, in the language that the request asks for."""
    return as_problem(error, language_of(request))


def language_of(request: HttpRequest | None) -> str:
    """Return the language of a request; one that asks for none of ours is answered in English."""
    if request is None:
        return ENGLISH
    try:
        return chosen(request.query.get("lang", ""), request.headers.get("accept-language", ""))
    except UnprocessableError:
        return accepted(request.headers.get("accept-language", ""))
