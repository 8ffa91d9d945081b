"""GET /bigcommerce/{app}/script.js: the script of a store's order confirmation page, the same bytes for everybody."""

from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import script
from countersign.runtime.entrypoint import entrypoint

HEADERS = {
    "cache-control": "public, max-age=300",  # what is repaired reaches shoppers within five minutes
    "etag": script.ETAG,
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",  # a store may pin the checksum, and a browser compares only what it may read
    "cross-origin-resource-policy": "cross-origin",
}


def refused(_request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse without a word: a browser has no use for one."""
    return HttpReply(error.status)


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, _now: int) -> HttpReply:
    """Give the script, or say that the browser has it already; nothing is looked up."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if script.ETAG in known:
        return HttpReply(304, headers=HEADERS)
    return HttpReply(200, script.SOURCE, "text/javascript; charset=utf-8", HEADERS)
