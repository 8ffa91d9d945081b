"""What an open page asks by itself: whether anything changed that it shows. 204, and one call, while nothing does."""

from typing import Any

from countersign_console.answer import Answer
from countersign_console.api import get
from countersign_console.outside import Reply
from countersign_console.signin import safe_path
from countersign_console.view import View

Json = dict[str, Any]


def news(view: View) -> Answer:
    """Tell how many orders changed since the page was drawn, and what the lists count by now.

    `after` is where the last answer ended, `seen` the newest change that the page shows already, `order` the only one
    that it is about.
    """
    after, seen, only = (view.query.get(name, "") for name in ("after", "seen", "order"))
    asked = get("/changes", after=after, account=view.account if only else "")
    if not after and view.query.get("badges") and view.account:  # the page itself had no call to spare for them
        first, waiting = view.api.at_once(asked, get("/counts", account=view.account))
        return _drawn(view, [], waiting, view.good(first)["cursor"])
    reply = view.api.call(asked)
    if reply.status == 204:
        return Answer(204, headers={"x-next-cursor": reply.headers.get("x-next-cursor", "")})
    found = view.good(reply)
    changes = [
        one for one in found["changes"] if one["updated_at"] > seen and (not only or one["order"]["order_id"] == only)
    ]
    if not changes:
        return Answer(204, headers={"x-next-cursor": found["cursor"]})
    counts = view.api.call(get("/counts", account=view.account)) if view.account else None
    return _drawn(view, changes, counts, found["cursor"])


def _drawn(view: View, changes: list[Json], counts: Reply | None, cursor: str) -> Answer:
    answer = view.page(
        "news.html",
        changes=changes,
        waiting=counts.json if counts is not None and counts.is_good else None,
        only=view.query.get("order", ""),
        back=safe_path(view.query.get("back", "/orders")),
    )
    return Answer(answer.status, answer.body, headers={"x-next-cursor": cursor}, cookies=answer.cookies)


ROUTES = {("GET", "/news"): news}
