"""What any caller of the merchant API may send, read as strictly as a platform's callback."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from countersign.errors import MalformedError, NotFoundError, UnsupportedEncodingError
from countersign.http import read_json, read_request
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal

MAX_BODY = 64 * 1024
MAX_PATH = 4096  # characters: the router's look at a path that no route serves takes the square of its length
MAX_QUERY_FIELDS = 32
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")  # which the router would read


def read_strictly(event: Mapping[str, Any]) -> None:
    """Refuse what the router would read in its own way: repeated names, depth, long integers, bytes that are no text.

    The router reads the last of two equal keys, and answers 500 to what its JSON reader cannot read; in a refund's
    amount neither may be. Raises MalformedError, NotFoundError, TooLargeError (413) or UnsupportedEncodingError (415).
    """
    if len(event.get("rawPath", "")) > MAX_PATH:
        raise refusal(NotFoundError, because("no_such_resource"))
    request = read_request(event, limit=MAX_BODY)
    try:
        "".join((*request.path_parameters.values(), *request.query.values())).encode()
    except UnicodeEncodeError:  # a lone surrogate, of which no key of the table can be made
        raise MalformedError("a parameter is no text") from None
    if request.header("content-type").strip().lower().startswith(_FORMS):
        raise refusal(UnsupportedEncodingError, because("body_is_json"))
    if request.body.strip():
        read_json(request.body)
    try:
        fields = parse_qsl(event.get("rawQueryString") or "", True, max_num_fields=MAX_QUERY_FIELDS, errors="strict")
    except ValueError:
        raise MalformedError("the query cannot be read") from None
    names = [name for name, _ in fields]
    if len(names) != len(set(names)):
        raise MalformedError("the query repeats a parameter")
