"""S10 Activity: who did what in an account, also who only looked. And S11 Settings: what a browser remembers of me."""

from countersign_console import formats
from countersign_console.answer import Answer
from countersign_console.api import get
from countersign_console.view import SOUND, ZONE, View

PAGE = "50"


def activity(view: View) -> Answer:
    """Show what was done, newest first; by one person where one was chosen."""
    if not view.account:
        return view.page("activity.html", rows=[], cursor=None, person="")
    person, day = view.query.get("person", "")[:128], view.query.get("day", "")[:10]
    asked = get(
        "/activity",
        account=view.account,
        person=person,
        from_=day,
        to=day,
        limit=PAGE,
        cursor=view.query.get("cursor", ""),
    )
    found = view.good(view.api.call(asked))
    return view.page(
        "activity.html",
        rows=found["activity"],
        cursor=view.further(found, found["activity"], PAGE, sparse=bool(person)),
        person=person,
    )


def settings(view: View) -> Answer:
    """Show what the console remembers in this browser, and who is signed in."""
    return view.page("settings.html", zones=formats.ZONES, done_code=view.query.get("done", ""))


def choose(view: View) -> Answer:
    """Keep the time zone and whether a new order makes a sound."""
    zone = view.form.get("zone", "")
    if zone in formats.ZONES:
        view.keep(ZONE, zone.replace("/", "."))
    view.keep(SOUND, "on" if view.form.get("sound") else "off")
    return view.go("/settings", done="kept")


ROUTES = {("GET", "/activity"): activity, ("GET", "/settings"): settings, ("POST", "/settings"): choose}
