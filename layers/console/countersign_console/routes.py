"""From a request to a page: static files, signing in, and what people who are signed in see and do.

A page is a function of a `View`; each file in `pages/` lists its own in `ROUTES`.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from countersign import aws
from countersign.errors import CountersignError, MalformedError
from countersign.http import HttpRequest, read_head, read_request
from countersign.runtime.telemetry import count, logger
from countersign.signing import digests, sessions
from countersign_console import assets, words
from countersign_console.answer import Answer, cookie, go, no_cookie
from countersign_console.api import Api, get
from countersign_console.outside import NoAnswerError, Send, send
from countersign_console.pages import PAGES
from countersign_console.session import Person, Session, SessionOverError, SessionStore, Tokens
from countersign_console.settings import Settings, secret_reader
from countersign_console.signin import SIGN_IN_SECONDS, NotSignedInError, SignIn, fresh, safe_path, subject_of
from countersign_console.view import LANGUAGE, ExpiredError, RefusedByApiError, View, draw, known_accounts

COOKIE, SIGNING_IN = "__Host-cs", "__Host-si"
MOST_BYTES, MOST_FIELDS = 64 * 1024, 800
ROUTES: Mapping[tuple[str, str], Callable[[View], Answer]] = {
    key: page for module in PAGES for key, page in module.ROUTES.items()
}
# What an open page asks by itself, which is no sign that somebody is there.
BY_ITSELF = {"/news"}
OPEN = {"/signed-in", "/signed-out"}


class Console:
    """All of the console; what it asks of the world comes in from outside."""

    def __init__(self, settings: Settings, store: SessionStore, send: Send, secret: Callable[[], str]) -> None:
        self._settings, self._store, self._send = settings, store, send
        self._sign_in = SignIn(settings, send, secret)

    @classmethod
    def from_environment(cls) -> "Console":
        """Make the console that the template describes."""
        settings = Settings.from_environment()
        return cls(settings, SessionStore(aws.client("dynamodb"), settings.table), send, secret_reader())

    def answer(self, event: Mapping[str, Any], *, now: int) -> dict[str, Any]:
        """Answer one event of API Gateway; nothing of it is logged but the route, the status and the time it took."""
        began = time.monotonic()
        head = read_head(event)
        language = _language(head)
        try:
            request = read_request(event, limit=MOST_BYTES, head=head)
            _refuse_half_characters(request)
            reply = self._answer(request, language, now)
        except CountersignError as error:
            count(f"Console{type(error).__name__}")
            logger.error("not answered", extra={"error": type(error).__name__, "reason": str(error)})
            status = 503 if error.status >= 500 else error.status
            reply = self._sorry(status, language, now)
        route = head.path if (head.method, head.path) in ROUTES or head.path in OPEN else "other"
        spent = round((time.monotonic() - began) * 1000)
        logger.info("page", extra={"route": f"{head.method} {route}", "status": reply.status, "ms": spent})
        return reply.to_event()

    def _answer(self, request: HttpRequest, language: str, now: int) -> Answer:
        if request.path.startswith("/static/"):
            return assets.serve(request.path, request.headers.get("accept-encoding", ""))
        if not self._settings.url.startswith("http"):
            return self._sorry(503, language, now, "base.problem.not_set_up")
        if request.method == "POST" and (refused := self._from_elsewhere(request)):
            return self._sorry(403, language, now, refused)
        match request.method, request.path:
            case "GET", "/signed-in":
                return self._signed_in(request, language, now)
            case "GET", "/signed-out":
                leave = self._sign_in.logout_url() if "leave" in request.query else ""
                return Answer(200, draw("signed_out.html", language, now, leave=leave))
            case "POST", "/sign-out":
                return self._sign_out(request, now)
        page = ROUTES.get((request.method, request.path))
        form = _form(request) if request.method == "POST" else {}
        try:
            session = self._session(request, now)
            if page is None:
                return self._sorry(404, language, now, "base.problem.no_page")
            return self._page(page, request, session, form, language, now)
        except (SessionOverError, ExpiredError):
            return self._over(request, form, language, now)
        except NoAnswerError as error:
            count("ConsoleNoAnswer")
            logger.warning("no answer", extra={"reason": str(error)})
            key = "base.problem.perhaps_done" if request.method == "POST" else "base.problem.unavailable"
            return self._kept(503, request, form, language, now, key)

    def _session(self, request: HttpRequest, now: int) -> Session:
        given = request.cookies.get(COOKIE, "")
        if not given:
            raise SessionOverError
        session = self._store.read(given, now=now)
        session = fresh(self._store, self._sign_in, session, now=now)
        return session if request.path in BY_ITSELF else self._store.seen(session, now=now)

    def _page(
        self,
        page: Callable[[View], Answer],
        request: HttpRequest,
        session: Session,
        form: Mapping[str, str],
        language: str,
        now: int,
    ) -> Answer:
        api = Api(self._settings.api_url, session.tokens.access, language, self._send)
        view = View(request, session, api, form, language, now, self._store)
        if request.method == "POST" and not digests.equal(form.get("csrf", ""), session.csrf):
            # A page from before somebody signed in again: nothing is done until it is sent once more, from this page.
            return view.again(403, view.text("base.problem.send_again"))
        try:
            return page(view)
        except RefusedByApiError as error:
            return view.page("refused.html", error.reply.status, problem=view.problem(error.reply))

    def _signed_in(self, request: HttpRequest, language: str, now: int) -> Answer:
        mark = request.cookies.get(SIGNING_IN, "")
        try:
            tokens, back = self._sign_in.tokens(mark, request.query, now=now)
            person = self._person(tokens, language)
        except NotSignedInError as error:
            count("ConsoleSignInRefused")
            logger.warning("not signed in", extra={"reason": str(error)})
            return self._sorry(400, language, now, "base.problem.not_signed_in", retry=True)
        except NoAnswerError as error:
            logger.warning("not signed in", extra={"reason": str(error)})
            return self._sorry(503, language, now, "base.problem.unavailable", retry=True)
        if old := request.cookies.get(COOKIE, ""):
            self._store.end(old)
        session = self._store.create(person, tokens, now=now)
        count("ConsoleSignIn")
        logger.info("signed in", extra={"person": person.subject})
        kept = cookie(COOKIE, session.cookie)
        return go(back, cookies=(kept, no_cookie(SIGNING_IN)))

    def _person(self, tokens: Tokens, language: str) -> Person:
        """Ask the API itself who this is: it knows whatever issuer a token is of."""
        api = Api(self._settings.api_url, tokens.access, language, self._send)
        me, accounts = api.at_once(get("/me"), get("/accounts"))
        if not me.is_good:
            raise NotSignedInError(f"the API does not take the token: {me.status}")
        said = me.json
        subject = str(said.get("id") or subject_of(tokens.access))
        return Person(
            subject,
            str(said.get("name") or subject),
            tuple(said.get("roles") or ()),
            tuple(said.get("scopes") or ()),
            known_accounts(accounts.json),
        )

    def _sign_out(self, request: HttpRequest, now: int) -> Answer:
        given = request.cookies.get(COOKIE, "")
        form = _form(request)
        try:
            session = self._store.read(given, now=now) if given else None
        except SessionOverError:
            session = None
        if session is not None and digests.equal(form.get("csrf", ""), session.csrf):
            if form.get("everywhere"):
                self._store.end_all(session.person.subject, now=now)
            self._store.end(given)
            self._sign_in.revoke(session.tokens)
            count("ConsoleSignOut")
            logger.info("signed out", extra={"person": session.person.subject})
        elif session is not None:
            return self._sorry(403, _language(request), now, "base.problem.send_again")
        # The page leads on to the issuer's: a form's own redirects may not leave the console (form-action).
        return go("/signed-out?leave=1", cookies=(no_cookie(COOKIE),))

    def _over(self, request: HttpRequest, form: Mapping[str, str], language: str, now: int) -> Answer:
        """Have somebody sign in: at once where they only look, and without losing what they typed where they send."""
        if request.method == "POST":
            return self._kept(401, request, form, language, now, "base.problem.session_over")
        if request.headers.get("hx-request") == "true":
            return Answer(401, draw("over.html", language, now))
        mark = request.cookies.get(SIGNING_IN, "")
        if len(mark) != 43:
            mark = sessions.new_cookie()
        raw = f"?{request.raw_query}" if request.raw_query else ""
        back = safe_path(f"{request.path}{raw}")
        where = self._sign_in.url(mark, back, language)
        return go(where, cookies=(cookie(SIGNING_IN, mark, seconds=SIGN_IN_SECONDS),))

    def _kept(
        self, status: int, request: HttpRequest, form: Mapping[str, str], language: str, now: int, key: str
    ) -> Answer:
        typed = {name: value for name, value in form.items() if name not in ("csrf", "once")}
        # The same `once`: if the API did it already, it does not do it again.
        once = form.get("once", "")
        return Answer(
            status,
            draw(
                "kept.html",
                language,
                now,
                problem=words.text(language, key),
                typed=typed,
                once=once,
                path=safe_path(request.path),
                method=request.method,
                sign_in=status == 401,
            ),
        )

    def _from_elsewhere(self, request: HttpRequest) -> str:
        """Return why a POST is not the console's own: by both marks that a browser sets, and at least one of them."""
        site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin", "")
        if not site and not origin:
            return "base.problem.old_browser"
        if (site and site != "same-origin") or (origin not in self._own_origins(site)):
            return "base.problem.elsewhere"
        return ""

    def _own_origins(self, site: str) -> tuple[str, ...]:
        """Return what Origin may say: `null` only beside a Sec-Fetch-Site, which no page can set."""
        return (self._settings.url, "", "null") if site == "same-origin" else (self._settings.url,)

    def _sorry(self, status: int, language: str, now: int, key: str = "", *, retry: bool = False) -> Answer:
        problem = words.text(language, key or ("base.problem.unavailable" if status >= 500 else "base.problem.refused"))
        return Answer(status, draw("sorry.html", language, now, problem=problem, retry=retry))


def _refuse_half_characters(request: HttpRequest) -> None:
    """Raise MalformedError for an address with a lone surrogate: no call of the API and no page can hold one."""
    try:
        "".join([request.path, request.raw_query, *request.query, *request.query.values()]).encode()
    except UnicodeEncodeError:
        raise MalformedError("the address is no text") from None


def _form(request: HttpRequest) -> dict[str, str]:
    """Read a form; of a name that comes twice, the last."""
    try:
        text = request.body.decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except (UnicodeDecodeError, ValueError):
        raise MalformedError("not a form") from None


def _language(request: HttpRequest) -> str:
    chosen = request.cookies.get(LANGUAGE, "")
    if chosen in words.LANGUAGES:
        return chosen
    return words.accepted(request.headers.get("accept-language", ""))
