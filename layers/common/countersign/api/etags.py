"""Entity tags: a caller that has an answer already is told so, and gets no second copy (RFC 9110, 8.8.3 and 13.1.2)."""

from countersign.signing import digests


def etag(body: str) -> str:
    """Return the strong entity tag of a body: the same for the same bytes, whichever container makes them."""
    return f'"{digests.sha256(body.encode())[:32]}"'


def is_known(tag: str, if_none_match: str) -> bool:
    """Tell whether an `If-None-Match` names this tag, compared weakly as gateways between may weaken it; `*` names any.

    Tags of ours have no comma in them, so a list of tags is what stands between commas.
    """
    given = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in given or given == ["*"]
