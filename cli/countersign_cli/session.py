"""Who a command speaks as, and to which deployment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from clients.python.countersign_client import Client, send
from countersign_cli import profiles
from countersign_cli.exits import NOT_FOUND, REFUSED, USAGE, StopError
from countersign_cli.sandbox_side import SandboxSide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from countersign_cli.cloud import Cloud
    from countersign_cli.options import Context
    from countersign_cli.profiles import Profile

Json = dict[str, Any]
PAGE = 100
API_LANGUAGE = {"en": "en", "zh": "zh"}


class Reference(tuple[str, str, str]):
    """Whose order it is: platform, account, number. It is written with slashes between them."""

    __slots__ = ()

    def __str__(self) -> str:
        return "/".join(self)

    @classmethod
    def of(cls, row: Json) -> Reference:
        """Return the reference of something that names an order."""
        return cls((row["platform"], row["account"], row["order_id"]))


class Session:
    """A deployment that is spoken to, and as whom."""

    def __init__(self, context: Context, sandbox: SandboxSide | None, profile: Profile | None, folder: Path) -> None:
        self._context, self.sandbox, self._profile, self.folder = context, sandbox, profile, folder
        self._token, self._token_ends = "", 0.0
        self._api: Client | None = None
        self._cloud: Cloud | None = None

    @classmethod
    def of(cls, context: Context) -> Session:
        """Return the session that the options ask for."""
        folder = profiles.folder(context.environ, context.home)
        if port := context.given.get("sandbox"):
            return cls(context, SandboxSide(port, context.transport), None, folder)
        return cls(context, None, profiles.chosen(folder, context.given.get("profile")), folder)

    @property
    def profile(self) -> Profile:
        """Return the profile; a sandbox has none."""
        if self._profile is None:
            raise StopError(USAGE, "sandbox_has_no_profile")
        return self._profile

    @property
    def name(self) -> str:
        """Return how the deployment is called."""
        return f"sandbox:{self.sandbox.port}" if self.sandbox else self.profile.name

    @property
    def is_production(self) -> bool:
        """Whether money is real there."""
        return self.sandbox is None and self.profile.production

    @property
    def api(self) -> Client:
        """Return the client of the merchant API."""
        if self._api is None:
            url = self.sandbox.api_url if self.sandbox else self.profile.api_url
            if not url:
                raise StopError(USAGE, "profile_lacks", name=self.name, what="api_url")
            transport = self._context.transport or send
            language = API_LANGUAGE[self._context.language]
            self._api = Client(url, self._fresh_token, language=language, transport=transport)
        return self._api

    @property
    def cloud(self) -> Cloud:
        """Return what an operator reaches behind the API: AWS, or what the sandbox has in its place."""
        if self._cloud is None:
            from countersign_cli import cloud

            self._cloud = self._context.cloud or cloud.of(self, self._context.transport or send)
        return self._cloud

    def now(self) -> float:
        """Return the time: the sandbox has its own."""
        if self._context.clock:
            return self._context.clock()
        return self.sandbox.now() if self.sandbox else time.time()

    def find(self, text: str) -> Reference:
        """Return the order that somebody means: `platform/account/number`, or any number by which it is found."""
        parts = text.split("/", 2)
        if len(parts) == 3 and all(parts):
            return Reference((parts[0], parts[1], parts[2]))
        found = [Reference.of(entry["order"]) for entry in self.api.search(q=text).json["found"]]
        several = list(dict.fromkeys(found))
        if not several:
            raise StopError(NOT_FOUND, "no_order", text=text)
        if len(several) > 1:
            raise StopError(USAGE, "several_orders", text=text, found=", ".join(map(str, several)))
        return several[0]

    def accounts(self, wanted: str | None = None) -> list[str]:
        """Return the accounts to look at, as `platform/account`: the named one, or all that the token may see."""
        if wanted and "/" in wanted:
            return [wanted]
        known = [str(one["account"]) for one in self.api.accounts().json["accounts"]]
        if not wanted:
            return known
        of_name = [one for one in known if one.partition("/")[2] == wanted]
        if len(of_name) != 1:
            raise StopError(
                USAGE if of_name else NOT_FOUND, "which_account", name=wanted, known=", ".join(known) or "-"
            )
        return of_name

    def in_sandbox(self) -> SandboxSide:
        """Return the sandbox; StopError where anything else is spoken to."""
        if self.sandbox is None:
            raise StopError(REFUSED, "sandbox_only")
        return self.sandbox

    def _fresh_token(self) -> str:
        from countersign_cli import sign_in

        if self.sandbox:
            if not self._token:
                self._token = self.sandbox.token(self._context.given.get("subject"))
            return self._token
        if not self._token or time.time() > self._token_ends:
            token = sign_in.token(self.profile, self.folder, self._context)
            self._token, self._token_ends = token.access, token.ends - sign_in.SOON
        return self._token


def pages(ask: Callable[[str | None], Json], member: str, most: int | None) -> Iterator[Json]:
    """Yield the rows of a list page by page: until the cursor stays, no row comes, or there were enough."""
    cursor, seen = None, 0
    while most is None or seen < most:
        page = ask(cursor)
        for row in page[member]:
            if most is not None and seen >= most:
                return
            seen += 1
            yield row
        after = page.get("cursor")
        if not page[member] or not after or after == cursor:
            return
        cursor = after
