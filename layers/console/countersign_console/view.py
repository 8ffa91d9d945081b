"""One request as a page sees it: who asks, what they sent, the API as they may see it, and how a page is drawn."""

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import jinja2

from countersign.http import HttpRequest
from countersign.signing import nonces
from countersign_console import assets, drawing, formats, nav, words
from countersign_console.answer import Answer, cookie, go
from countersign_console.api import Api, Call, get
from countersign_console.outside import Reply
from countersign_console.session import Session, SessionStore
from countersign_console.signin import safe_path

LANGUAGE, ZONE, SOUND = "__Host-lang", "__Host-zone", "__Host-sound"
KEPT_SECONDS = 365 * 86400
MOST_KEPT = 64  # fields of a form that a page keeps for another try
Json = dict[str, Any]
MOST_ACCOUNTS = 200
_OF_ACCOUNTS = ("account", "platform", "name", "platform_name")
_NOT_KEPT = {"csrf", "once"}


class _Given(dict[str, str]):
    """What a browser sent; what it did not send is empty."""

    def __missing__(self, _name: str) -> str:
        return ""


class ExpiredError(Exception):
    """The API no longer takes the token: the person signs in again."""


@dataclass
class View:
    """One request of a person who is signed in."""

    request: HttpRequest
    session: Session
    api: Api
    form: Mapping[str, str]
    language: str
    now: int
    store: SessionStore
    cookies: list[str] = field(default_factory=list)

    @property
    def query(self) -> Mapping[str, str]:
        """The address's parameters."""
        return self.request.query

    @property
    def zone(self) -> str:
        """The time zone that the person chose."""
        return self.request.cookies.get(ZONE, formats.ZONES[0]).replace(".", "/")

    @property
    def accounts(self) -> tuple[dict[str, str], ...]:
        """The accounts that the person may see."""
        return self.session.person.accounts

    @property
    def account(self) -> str:
        """The account that the page is about: the one that the address names, else the first; empty without any."""
        names = [one["account"] for one in self.accounts]
        wanted = self.form.get("account") or self.query.get("account", "")
        return wanted if wanted in names else (names[0] if names else "")

    def remember_accounts(self, said: Mapping[str, Any]) -> None:
        """Keep the accounts that the API names by now, where they are others than when the person signed in."""
        found = known_accounts(said)
        if found != self.session.person.accounts:
            person = replace(self.session.person, accounts=found)
            self.session = self.store.remember(replace(self.session, person=person), person, now=self.now)

    def may(self, scope: str) -> bool:
        """Tell whether a form for it makes sense; the API decides."""
        return scope in self.session.person.scopes

    def naming(self, said: Mapping[str, Any]) -> Callable[[str], str]:
        """Return what calls people by the names that an answer of the API has of them; who looks is "you".

        What did something and is nobody (a rule, the platform) has a word of the console's own.
        """
        known = said.get("people") or {}

        def named(subject: str) -> str:
            if subject == self.session.person.subject:
                return self.text("base.you")
            if subject not in known and words.knows(self.language, f"base.nobody.{subject}"):
                return self.text(f"base.nobody.{subject}")
            return str(known.get(subject, subject))

        return named

    def text(self, key: str, **places: object) -> str:
        """Return a sentence in the reader's language."""
        return words.text(self.language, key, **places)

    def page(self, template: str, status: int = 200, **values: Any) -> Answer:
        """Draw a page, or a part of one."""
        html = (
            _environment()
            .get_template(template)
            .render(
                **{"waiting": None, **values},
                **_common(self.language, self.now, self.zone),
                query=_Given(self.query),
                form=_Given(self.form),
                me=self.session.person,
                may=self.may,
                csrf=self.session.csrf,
                once=nonces.nonce(),
                path=self.request.path,
                accounts=self.accounts,
                account=self.account,
                url=self.url,
                here=self.here,
                sound=self.request.cookies.get(SOUND) == "on",
            )
        )
        return Answer(status, html, cookies=tuple(self.cookies))

    def url(self, path: str, **query: str | None) -> str:
        """Return an address of the console, which keeps the account that is looked at where it is not the first."""
        first = self.accounts[0]["account"] if self.accounts else ""
        pairs = {name.rstrip("_"): value for name, value in query.items() if value}
        if "account" not in query and self.account != first:
            pairs["account"] = self.account
        return f"{path}?{urlencode(pairs)}" if pairs else path

    @property
    def here(self) -> str:
        """The address of this page."""
        raw = f"?{self.request.raw_query}" if self.request.raw_query else ""
        return safe_path(f"{self.request.path}{raw}")

    def go(self, path: str, **query: str | None) -> Answer:
        """Send the browser on after something was done."""
        return go(self.url(path, **query), cookies=tuple(self.cookies))

    def back(self) -> Answer:
        """Send the browser back to the page that a form was on."""
        return go(safe_path(self.form.get("back", "/")), cookies=tuple(self.cookies))

    def order(self, key: Mapping[str, str], **query: str | None) -> Answer:
        """Send the browser to an order's page."""
        return go(order_url(key, **query), cookies=tuple(self.cookies))

    def good(self, reply: Reply) -> Json:
        """Return what a call answered that a page cannot be drawn without; raises what becomes a page of its own."""
        if reply.status == 401:
            raise ExpiredError
        if not reply.is_good:
            raise RefusedByApiError(reply)
        return reply.json

    def beside_counts(self, asked: Call) -> tuple[Json, Json | None]:
        """Return what a call answered, and what waits on the account's lists where there is one and it is known."""
        if not self.account:
            return self.good(self.api.call(asked)), None
        listed, counts = self.api.at_once(asked, get("/counts", account=self.account))
        return self.good(listed), counts.json if counts.is_good else None

    def further(self, found: Mapping[str, Any], rows: Sized, page: str, *, sparse: bool = False) -> str | None:
        """Return where an answer's next page begins; None where this one is the last.

        The last page is the one that is not full, or, of a list that only looks for some rows (`sparse`), whose cursor
        stays the same.
        """
        cursor: str | None = found["cursor"]
        if not cursor or cursor == self.query.get("cursor") or (len(rows) < int(page) and not sparse):
            return None
        return cursor

    def problem(self, reply: Reply) -> str:
        """Return in a sentence why the API refused, in the API's own words where it has any."""
        if reply.status == 401:
            raise ExpiredError
        detail = str(reply.json.get("detail") or "")
        if detail:
            return detail
        if reply.status == 429:
            return self.text("base.problem.slow_down")
        if reply.status == 403:
            return self.text("base.problem.not_allowed")
        return self.text("base.problem.unavailable" if reply.status >= 500 else "base.problem.refused")

    def again(self, status: int, problem: str, *, back: str = "") -> Answer:
        """Say why nothing was done, and keep what was typed for another try."""
        typed = {name: value for name, value in list(self.form.items())[:MOST_KEPT] if name not in _NOT_KEPT}
        return self.page(
            "again.html", status, problem=problem, typed=typed, back=back or safe_path(typed.get("back", "/"))
        )

    def keep(self, name: str, value: str) -> None:
        """Have the browser remember a choice."""
        self.cookies.append(cookie(name, value, seconds=KEPT_SECONDS))


class RefusedByApiError(Exception):
    """The API refused what a page is made of."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def order_url(key: Mapping[str, str], **query: str | None) -> str:
    """Return the address of an order's page; names and numbers may hold anything, so they are no part of the path."""
    named = {"account": f"{key['platform']}/{key['account']}", "id": key["order_id"]}
    return f"/order?{urlencode({**named, **{name: value for name, value in query.items() if value}})}"


def known_accounts(said: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """Return what a session keeps of the API's accounts."""
    rows = said.get("accounts") or ()
    return tuple(
        {name: str(one[name]) for name in _OF_ACCOUNTS} | ({"app": "1"} if one["health"]["installation"] else {})
        for one in rows[:MOST_ACCOUNTS]
    )


def draw(template: str, language: str, now: int, **values: Any) -> str:
    """Draw a page for somebody who is not signed in."""
    return _environment().get_template(template).render(**values, **_common(language, now, formats.ZONES[0]))


def _common(language: str, now: int, zone: str) -> Json:
    def text(key: str, **places: object) -> str:
        return words.text(language, key, **places)

    def known(key: str, otherwise: str = "") -> str:
        return words.text(language, key) if words.knows(language, key) else otherwise

    def ago(stamp: str | None) -> str:
        word, number = formats.ago(stamp, now)
        return words.text(language, f"base.ago.{word}", n=number)

    def idle(stamp: str | None) -> int:
        return now - int(formats.moment(stamp).timestamp()) if stamp else now

    def at(stamp: str | None, *, seconds: bool = False) -> str:
        return formats.at(stamp, zone, now, seconds=seconds)

    return {
        "t": text,
        "known": known,
        "ago": ago,
        "idle": idle,
        "at": at,
        "lang": language,
        "now": now,
        "zone": zone,
        "today": formats.day(now, zone),
    }


def _environment() -> jinja2.Environment:
    global _made
    if _made is None:
        _made = drawing.environment()
        _made.globals["asset"] = assets.address
        _made.globals["order_url"] = order_url
        _made.globals.update(entries=nav.ENTRIES, in_the_bar=nav.IN_THE_BAR, badge=nav.badge)
    return _made


_made: jinja2.Environment | None = None
