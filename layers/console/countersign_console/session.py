"""Sessions of people: in a table of their own, sealed by what only the browser has.

`SESSION#{sha256(cookie)}` holds a person's tokens under a key made of the cookie, bound to the row's name, the person
and its end; each save is on the version that was read. `PERSON#{sub}` says when somebody signed out everywhere: every
session from before is over. Rows end by themselves (TTL), and are over when their time is, removed or not.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from countersign.errors import StoreUnavailableError, UndecryptableError
from countersign.signing import nonces, sessions

IDLE_SECONDS = 30 * 60  # without anything that a person does; an open page that asks for news is no person
LONGEST_SECONDS = 12 * 3600  # as long as the refresh token lives
SAVED_EVERY = 5 * 60  # the end moves on at most this often
LEASE_SECONDS = 10
RENEWED_BEFORE = 60  # seconds before an access token ends
Item = dict[str, dict[str, Any]]


class SessionOverError(Exception):
    """There is no session, or it is over: the person signs in again."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, and what they may see: as the API said it when they did."""

    subject: str
    name: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    accounts: tuple[dict[str, str], ...]  # account, platform, name, platform_name


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the issuer gave; `access_ends` in epoch seconds."""

    access: str
    refresh: str
    access_ends: int


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's session as it was read."""

    cookie: str
    person: Person
    tokens: Tokens
    signed_in_at: int
    ends: int  # at the latest
    expires_at: int  # where nobody does anything
    version: int

    @property
    def csrf(self) -> str:
        """What every form of this session carries."""
        return sessions.derived(self.cookie, "csrf")


class SessionStore:
    """The table of sessions."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def create(self, person: Person, tokens: Tokens, *, now: int) -> Session:
        """Begin a session under a new cookie, whatever the browser had before."""
        ends = now + LONGEST_SECONDS
        session = Session(sessions.new_cookie(), person, tokens, now, ends, min(ends, now + IDLE_SECONDS), 1)
        item = {**self._row(session), "version": {"N": "1"}}
        self._call("put_item", Item=item, ConditionExpression="attribute_not_exists(id)")
        return session

    def read(self, cookie: str, *, now: int) -> Session:
        """Return the cookie's session; raises SessionOverError."""
        name = _name(cookie)
        item = self._get(name)
        if item is None or int(item["expiration"]["N"]) <= now:
            raise SessionOverError
        person, expires_at = item["person"]["S"], int(item["expiration"]["N"])
        try:
            text = sessions.unseal(cookie, item["sealed"]["B"], name=name, person=person, expires_at=expires_at)
        except UndecryptableError:
            raise SessionOverError from None
        kept = json.loads(text)
        if kept["ends"] <= now or self._signed_out_at(person) >= kept["signed_in_at"]:
            raise SessionOverError
        who = Person(person, kept["name"], tuple(kept["roles"]), tuple(kept["scopes"]), tuple(kept["accounts"]))
        version = int(item["version"]["N"])
        return Session(cookie, who, Tokens(**kept["tokens"]), kept["signed_in_at"], kept["ends"], expires_at, version)

    def seen(self, session: Session, *, now: int) -> Session:
        """Move the end on, since a person did something; another save of the same moment does as well."""
        wanted = min(session.ends, now + IDLE_SECONDS)
        if wanted - session.expires_at < SAVED_EVERY:
            return session
        return self._save(replace(session, expires_at=wanted), "", now=now) or session

    def remember(self, session: Session, person: Person, *, now: int) -> Session:
        """Keep what the API says of the person by now."""
        return self._save(replace(session, person=person), "", now=now) or session

    def lease(self, session: Session, *, now: int) -> str:
        """Return a lease to renew the tokens under, or an empty text where somebody else has it."""
        mine = nonces.nonce()
        done = self._update(
            session,
            "SET lease = :mine, lease_until = :until, version = version + :one",
            {":mine": {"S": mine}, ":until": {"N": str(now + LEASE_SECONDS)}, ":one": {"N": "1"}},
            "version = :version AND (attribute_not_exists(lease) OR lease_until <= :now)",
            now=now,
        )
        return mine if done else ""

    def renewed(self, session: Session, tokens: Tokens, lease: str, *, now: int) -> Session | None:
        """Keep new tokens under a lease; None where the session ended meanwhile, or the lease is another's."""
        return self._save(replace(session, tokens=tokens, version=session.version + 1), lease, now=now)

    def end(self, cookie: str) -> None:
        """End one session; what does not exist is over as well."""
        self._call("delete_item", Key={"id": {"S": _name(cookie)}})

    def end_all(self, subject: str, *, now: int) -> None:
        """End all sessions of a person that began until now."""
        self._call(
            "put_item",
            Item={
                "id": {"S": f"PERSON#{subject}"},
                "signed_out_at": {"N": str(now)},
                "expiration": {"N": str(now + LONGEST_SECONDS + 3600)},
            },
        )

    def _signed_out_at(self, subject: str) -> int:
        item = self._get(f"PERSON#{subject}")
        return int(item["signed_out_at"]["N"]) if item else -1

    def _save(self, session: Session, lease: str, *, now: int) -> Session | None:
        row = self._row(session)
        values = {":sealed": row["sealed"], ":expiration": row["expiration"], ":one": {"N": "1"}}
        condition = "version = :version AND (attribute_not_exists(lease) OR lease_until <= :now)"
        if lease:
            condition, values[":lease"] = "lease = :lease", {"S": lease}
        update = "SET sealed = :sealed, expiration = :expiration, version = version + :one REMOVE lease, lease_until"
        done = self._update(session, update, values, condition, now=now)
        return replace(session, version=session.version + 1) if done else None

    def _update(self, session: Session, update: str, values: Item, condition: str, *, now: int) -> bool:
        named = {":version": {"N": str(session.version)}, ":now": {"N": str(now)}}
        used = {name: value for name, value in named.items() if name in condition}
        try:
            self._call(
                "update_item",
                Key={"id": {"S": _name(session.cookie)}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues={**values, **used},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _row(self, session: Session) -> Item:
        kept = {
            "name": session.person.name,
            "roles": session.person.roles,
            "scopes": session.person.scopes,
            "accounts": session.person.accounts,
            "tokens": asdict(session.tokens),
            "signed_in_at": session.signed_in_at,
            "ends": session.ends,
        }
        name = _name(session.cookie)
        sealed = sessions.seal(
            session.cookie,
            json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode(),
            name=name,
            person=session.person.subject,
            expires_at=session.expires_at,
        )
        return {
            "id": {"S": name},
            "person": {"S": session.person.subject},
            "sealed": {"B": sealed},
            "expiration": {"N": str(session.expires_at)},
        }

    def _get(self, name: str) -> Item | None:
        found: Item | None = self._call("get_item", Key={"id": {"S": name}}, ConsistentRead=True).get("Item")
        return found

    def _call(self, operation: str, **wanted: Any) -> dict[str, Any]:
        """Call DynamoDB, a second time where no answer came; a condition that failed is the caller's to read."""
        called = getattr(self._client, operation)
        for last in (False, True):
            try:
                answer: dict[str, Any] = called(TableName=self._table, **wanted)
            except self._client.exceptions.ConditionalCheckFailedException:
                raise
            except (BotoCoreError, ClientError) as error:
                if last:
                    raise StoreUnavailableError(f"sessions: {type(error).__name__}") from None
            else:
                return answer
        raise AssertionError


def _name(cookie: str) -> str:
    return f"SESSION#{sessions.session_id(cookie)}"
