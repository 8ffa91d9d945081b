"""The access token of an account, for whoever calls its platform: renewed in time, and left alone once it is over."""

import time
from collections.abc import Callable

from countersign.errors import PlatformUnavailableError, TemporaryError, UnprocessableError
from countersign.runtime.entrypoint import mark_accounts
from countersign.runtime.telemetry import count, logger
from countersign.store import account_names, codec
from countersign.store.authorizations import AuthorizationStore
from countersign.store.codec import Item
from countersign.store.grants import LONGEST_PAUSE, GrantStore, Refreshing, Tokens

PATIENCE_SECONDS = 8.0
PAUSE_SECONDS = 0.2
REVOKED, SUPERSEDED, EXPIRED = "revoked", "superseded", "expired"  # why access is over

Renew = Callable[[str], Tokens]


class AuthorizationEndedError(UnprocessableError):
    """The platform lets us in no more for this account: it must be authorized anew."""

    status = 401
    whole_account = True


def end(authorizations: AuthorizationStore, account: str, credential: str, because: str, *, now: int) -> None:
    """Note that a credential is refused for good, count it once, and have the account listed, where that is shown."""
    if noted := authorizations.end(account, credential, because, now=now):
        count("AuthorizationEnded")
        account_names.unmarked.add((authorizations.platform, account))
        mark_accounts(authorizations.client, authorizations.table)
        logger.error("the platform lets us in no more", extra={"account": account, "reason": noted})


class FixedToken:
    """A token that nothing renews, as a document or the platform gave it; `of` names it without saying it.

    `fetch` gives the token, and another one in the place of one that was refused where there can be one.
    """

    def __init__(
        self,
        authorizations: AuthorizationStore,
        account: str,
        *,
        of: str,
        fetch: Callable[[str], str],
        now: Callable[[], int],
    ) -> None:
        self._authorizations = authorizations
        self._account = account
        self._of = of
        self._fetch = fetch
        self._now = now

    def get(self, refused: str = "") -> str:
        """Return the token; raises AuthorizationEndedError once it was refused for good."""
        if self._authorizations.state(self._account).is_over(self._of):
            raise AuthorizationEndedError("the account must be authorized anew")
        try:
            token = self._fetch(refused)
        except UnprocessableError as error:
            if error.status == 401:  # there is no other one; whatever else is refused may pass
                self._refused()
            raise
        if refused and token == refused:
            self._refused()
        return token

    def _refused(self) -> None:
        now = self._now()
        if self._authorizations.refused(self._account, now=now):
            end(self._authorizations, self._account, self._of, REVOKED, now=now)


class GrantedToken:
    """One account's access token, renewed in time; `renew` asks the platform with a refresh token.

    `renew` raises UnprocessableError where the platform refuses the token for good, TemporaryError where there is no
    answer or one about something else.
    """

    def __init__(
        self,
        grants: GrantStore,
        authorizations: AuthorizationStore,
        account: str,
        *,
        renew: Renew,
        now: Callable[[], int],
    ) -> None:
        self._grants = grants
        self._authorizations = authorizations
        self._account = account
        self._renew = renew
        self._now = now

    def get(self, refused: str = "") -> str:
        """Return the token; one that the platform `refused` is replaced, if it can be.

        Only who holds the lease asks the platform; others go on with the old token while it is good. Raises
        AuthorizationEndedError where the grant is over, PlatformUnavailableError while there is no good token.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            item = self._grants.read(self._account)
            if "sealed" not in item:
                raise AuthorizationEndedError("the account must be authorized anew")
            kept, now = self._grants.opened(self._account, item), self._now()
            access, ends = kept["access"], codec.as_number(item, "access_ends")
            usable = access != refused and (ends is None or now < ends)
            if usable and now < (codec.as_number(item, "renew_at") or now + 1):
                return access
            if not kept["refresh"]:
                return self._unrenewable(item, access, refused, now)
            waits = now < (codec.as_number(item, "retry_at") or 0) <= now + LONGEST_PAUSE
            if not waits and self._grants.lease(self._account, item, now=now):
                renewed = self._renewal(item, kept, access if usable else "", now)
                if renewed:
                    return renewed
                continue  # the grant is another one meanwhile
            if usable:
                return access
            if waits or time.monotonic() > end:
                raise PlatformUnavailableError("the account's token is not renewed yet")
            time.sleep(PAUSE_SECONDS)

    def _unrenewable(self, item: Item, access: str, refused: str, now: int) -> str:
        """Return a token that nothing renews: refused, it is given again, until it was refused for good."""
        if access != refused:
            self._end(item, EXPIRED, now)
            raise AuthorizationEndedError("the account's token is over, and there is none to renew it with")
        if self._authorizations.refused(self._account, now=now):
            self._end(item, REVOKED, now)
        return access

    def _renewal(self, item: Item, kept: dict[str, str], usable: str, now: int) -> str:
        """Ask with each refresh token that may be good; empty where the grant is another one meanwhile."""
        used_at = codec.as_number(item, "used_at")
        current = Refreshing(
            kept["refresh"], now if used_at is None else used_at, codec.as_number(item, "refresh_ends")
        )
        previous = Refreshing(
            kept["previous"], codec.as_number(item, "previous_used_at"), codec.as_number(item, "previous_ends")
        )
        asked = [one for one in (current, previous) if one.may_be_good(now)]
        for one in asked:
            try:
                tokens = self._renew(one.token)
            except UnprocessableError as error:
                logger.warning("a refresh token is refused", extra={"account": self._account, "reason": str(error)})
                continue
            except TemporaryError as error:
                self._grants.unanswered(self._account, item, now=self._now())
                count("TokenNotRenewed")
                logger.warning("a token is not renewed", extra={"account": self._account, "reason": str(error)})
                if usable:
                    return usable
                raise
            done = self._grants.renewed(self._account, item, tokens, one, now=self._now())
            return tokens.access if done else ""
        self._end(item, (SUPERSEDED if usable else REVOKED) if asked else EXPIRED, now)
        return ""

    def _end(self, item: Item, because: str, now: int) -> None:
        grant_id = codec.as_text(item, "id")
        end(self._authorizations, self._account, grant_id, because, now=now)
        self._grants.close(self._account, grant_id)
