"""S9 Failed charges: whose card, why, how often it was tried, and having it tried now."""

from countersign_console.answer import Answer
from countersign_console.api import get, path, post
from countersign_console.view import View

GROUPS = ("customer_must_act", "will_be_retried", "merchant_must_act", "unknown")
PAGE = "30"
PLATFORM = "recharge"


def charges(view: View) -> Answer:
    """Show charges that failed, the last that changed first; of one group or of all."""
    group = view.query.get("group", "")
    group = group if group in GROUPS else ""
    account = of_charges(view)
    if not account:
        return view.page("charges.html", rows=None, group="", groups=GROUPS, cursor=None, done_code="", whose="")
    asked = get(
        "/charges",
        account=account,
        status="failed",
        group=group,
        sort="-updated_at",
        limit=PAGE,
        cursor=view.query.get("cursor", ""),
    )
    found = view.good(view.api.call(asked))
    return view.page(
        "charges.html",
        rows=found["charges"],
        group=group,
        groups=GROUPS,
        cursor=view.further(found, found["charges"], PAGE, sparse=True),
        done_code=view.query.get("done", ""),
        whose=account,
    )


def of_charges(view: View) -> str:
    """Return the account whose charges are shown: the one that is looked at, else the first that has charges."""
    named = [one["account"] for one in view.accounts if one["platform"] == PLATFORM]
    return view.account if view.account in named else (named[0] if named else "")


def retry(view: View) -> Answer:
    """Have a charge tried again, once."""
    _, _, account = view.form.get("account", "").partition("/")
    reply = view.api.call(post(path("charges", account, view.form.get("id", ""), "retry")))
    if reply.is_good:
        return view.go("/charges", account=view.form.get("account", ""), done="retried", group=view.form.get("group"))
    return view.again(reply.status, view.problem(reply), back="/charges")


ROUTES = {("GET", "/charges"): charges, ("POST", "/charges/retry"): retry}
