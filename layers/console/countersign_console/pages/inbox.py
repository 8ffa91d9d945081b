"""S5 Inbox: what a person must look at, with what it means and what ends it. Money is never moved from here."""

import json

from countersign_console.answer import Answer
from countersign_console.api import get, path, post
from countersign_console.view import View

KINDS = ("review", "orphan", "needs_action", "quarantine", "failed_notice", "authorization", "finding")
DISMISSIBLE = frozenset({"orphan", "quarantine", "failed_notice", "finding"})
PAGE = "30"
MOST_NOTE = 500


def inbox(view: View) -> Answer:
    """Show a page of an account's exceptions, longest waiting first, of one kind or of all."""
    kind = view.query.get("kind", "")
    kind = kind if kind in KINDS else ""
    asked = get("/exceptions", account=view.account, kind=kind, limit=PAGE, cursor=view.query.get("cursor", ""))
    found, waiting = view.beside_counts(asked)
    rows = found["exceptions"]
    return view.page(
        "inbox.html",
        kind=kind,
        kinds=KINDS,
        rows=rows,
        waiting=waiting,
        dismissible=DISMISSIBLE,
        cursor=view.further(found, rows, PAGE),
        done_code=view.query.get("done", ""),
    )


def dismiss(view: View) -> Answer:
    """Take something off the list with a word about why; its row stays, and can still be taken in."""
    body = {"note": view.form.get("note", "").strip()[:MOST_NOTE]}
    reply = view.api.call(post(path("exceptions", view.form.get("exception_id", ""), "dismiss"), body))
    if reply.is_good:
        return view.go("/inbox", done="dismissed", kind=view.form.get("kind"))
    return view.again(reply.status, view.problem(reply), back="/inbox")


def export(view: View) -> Answer:
    """Give what is kept about a customer as a file, a part at a time; the API records who asked before it answers."""
    cursor = view.form.get("cursor", "")
    call = post(path("exceptions", view.form.get("exception_id", ""), "export"))
    reply = view.api.call(call._replace(query={"cursor": cursor} if cursor.isdecimal() else {}))
    if not reply.is_good:
        return view.again(reply.status, view.problem(reply), back="/inbox")
    found = reply.json
    text = json.dumps(found, ensure_ascii=False, indent=2)
    return view.page("export.html", text=text, cursor=found["cursor"], exception_id=view.form.get("exception_id", ""))


ROUTES = {("GET", "/inbox"): inbox, ("POST", "/inbox/dismiss"): dismiss, ("POST", "/inbox/export"): export}
