"""S8 Accounts: how each does, which keys it uses, and having a time read anew that nothing may have told of."""

from datetime import datetime

from countersign_console import formats
from countersign_console.answer import Answer
from countersign_console.api import get, path, post
from countersign_console.view import View

QUIET_SECONDS = 86_400  # a key that verified nothing for so long may be taken out


def accounts(view: View, status: int = 200, problem: str = "") -> Answer:
    """Show all accounts with what the table says of them; no platform is asked for it."""
    found = view.good(view.api.call(get("/accounts")))
    view.remember_accounts(found)
    return view.page(
        "accounts.html",
        status,
        rows=found["accounts"],
        quiet=QUIET_SECONDS,
        problem=problem,
        done_code=view.query.get("done", ""),
    )


def restore(view: View) -> Answer:
    """Have what changed between two times read anew; both are of the reader's clock."""
    platform, _, account = view.form.get("account", "").partition("/")
    try:
        body = {name: _utc(view.form.get(name, ""), view.zone) for name in ("from", "to")}
    except ValueError:
        return accounts(view, 422, view.text("accounts.problem.time"))
    reply = view.api.call(post(path("accounts", platform, account, "restore"), body))
    return view.go("/accounts", done="restored") if reply.is_good else accounts(view, reply.status, view.problem(reply))


def _utc(text: str, zone: str) -> str:
    """Return a time of a form's field (`2026-11-30T14:00`, in a zone) as the API takes it."""
    there = datetime.fromisoformat(text).replace(tzinfo=formats.zone(zone))
    return f"{datetime.fromtimestamp(int(there.timestamp()), formats.zone('UTC')):%Y-%m-%dT%H:%M:%SZ}"


ROUTES = {("GET", "/accounts"): accounts, ("POST", "/accounts/restore"): restore}
