"""`countersign rotate ACCOUNT FIELD`: a key of an account's document is changed in three safe steps."""

from __future__ import annotations

import hmac
import json
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import click

from countersign_cli import times
from countersign_cli.examining import documents
from countersign_cli.exits import REFUSED, USAGE, StopError
from countersign_cli.options import Command, Context, pass_context

if TYPE_CHECKING:
    from countersign_cli.cloud import Cloud
    from countersign_cli.session import Session

Json = dict[str, Any]
QUIET = "24h"
_INDEX = re.compile(r"\[[0-9]+\]", re.ASCII)


class Held(NamedTuple):
    """An account's document as it is stored: its content, which version of it, and since when (epoch seconds)."""

    name: str
    document: Json
    version: str
    since: float

    def keys(self, field: str) -> list[Any]:
        """Return the keys of a field, current first."""
        where: Any = self.document
        *above, last = field.split(".")
        for part in above:
            where = where.get(part) if isinstance(where, dict) else None
        found = where.get(last) if isinstance(where, dict) else None
        if not isinstance(found, list):
            raise StopError(USAGE, "no_list_of_keys", field=field)
        return found

    def __repr__(self) -> str:
        return f"Held({self.name})"


@click.command(cls=Command)
@click.argument("account")
@click.argument("field")
@click.option(
    "--add", "step", flag_value="add", help="Step 1: put the new key in front; it is read from standard input."
)
@click.option("--remove", "step", flag_value="remove", help="Step 3: take the old keys out, once they are not used.")
@click.option("--from-file", type=click.File("r", encoding="utf-8"), help="Where the new key is, instead of stdin.")
@click.option("--quiet", metavar="TIME", default=QUIET, show_default=True, help="How long an old key must be unused.")
@click.option("--yes", is_flag=True, help="Do not ask before old keys are taken out.")
@pass_context
def command(
    context: Context, account: str, field: str, step: str | None, from_file: TextIO | None, quiet: str, yes: bool
) -> None:
    r"""Change a key (FIELD, as `api_v3_keys`) of ACCOUNT (`wechat/shop`) in three steps.

    \b
    1. --add     puts the new key in front. Messages under the old one are believed as before.
    2. (neither) says when the old keys were used last.
    3. --remove  takes the old keys out, once they were not used for a day.

    The key comes from standard input or a file: arguments are seen by everybody on this machine, and kept by shells.
    """
    session, output = context.session, context.output
    held = _held(session.cloud, account)
    keys = held.keys(field)
    if step == "add":
        _add(session, held, field, _value(from_file))
        output.line(output.text("key_added", field=field, kept=len(keys)))
        return
    if len(keys) < 2:
        output.line(output.text("one_key", field=field))
        return
    now = session.now()
    unused = now - _last_use(session, held, account, field)
    least = now - times.since(quiet, now)
    if step == "remove":
        if unused < least:
            told = {"unused": times.lasting(max(unused, 0)), "least": times.lasting(least)}
            raise StopError(REFUSED, "key_in_use", **told)
        if not yes and not click.confirm(output.text("take_out", count=len(keys) - 1, field=field), err=True):
            return
        _store(session, held, field, keys[:1])
        output.line(output.text("keys_removed", count=len(keys) - 1, field=field))
        return
    code = "old_unused" if unused >= least else "old_used"
    output.line(
        output.text(code, count=len(keys) - 1, unused=times.lasting(max(unused, 0)), least=times.lasting(least))
    )


def _held(cloud: Cloud, account: str) -> Held:
    name = f"countersign/{cloud.stage}/{account}"
    found = cloud.call("secretsmanager", "GetSecretValue", SecretId=name)
    try:
        document = json.loads(found["SecretString"])
    except ValueError:
        raise StopError(USAGE, "bad_document", path=account) from None
    return Held(name, document, str(found.get("VersionId", "")), cloud.stored_at(found))


def _value(from_file: TextIO | None) -> Any:
    text = (from_file or sys.stdin).read().strip()
    if not text:
        raise StopError(USAGE, "no_key")
    if not text.startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise StopError(USAGE, "no_key") from None


def _add(session: Session, held: Held, field: str, value: Any) -> None:
    keys = held.keys(field)
    if any(_same(value, key) for key in keys):
        raise StopError(REFUSED, "key_known", field=field)
    if keys and type(value) is not type(keys[0]):
        raise StopError(USAGE, "other_kind_of_key", field=field)
    _store(session, held, field, [value, *keys])


def _same(one: Any, other: Any) -> bool:
    texts = [json.dumps(key, sort_keys=True).encode() for key in (one, other)]
    return hmac.compare_digest(*texts)


def _store(session: Session, held: Held, field: str, keys: list[Any]) -> None:
    """Store the document with other keys, unless that would make an error, or somebody else changed it meanwhile."""
    changed = json.loads(json.dumps(held.document))
    where = changed
    *above, last = field.split(".")
    for part in above:
        where = where[part]
    where[last] = keys
    account = held.name.split("/", 2)[2]
    before, after = (
        {
            _INDEX.sub("[]", finding.what)  # what was wrong with a key is so at its new place too
            for finding in documents.examine({account: json.dumps(one).encode()}, int(session.now()))
            if finding.level == "error"
        }
        for one in (held.document, changed)
    )
    if worse := sorted(after - before):
        raise StopError(REFUSED, "key_unusable", why="; ".join(worse))
    cloud = session.cloud
    if str(cloud.call("secretsmanager", "GetSecretValue", SecretId=held.name).get("VersionId", "")) != held.version:
        raise StopError(REFUSED, "changed_meanwhile")
    cloud.store(held.name, json.dumps(changed, ensure_ascii=False))


def _last_use(session: Session, held: Held, account: str, field: str) -> float:
    """Return when an old key may have been used last: never earlier than the document's last change.

    A key is noted by its place in the document or by its own id; by its place as it was then, so what was noted before
    the last change may be of another key, and does not count as proof that this one is unused.
    """
    keys = held.keys(field)
    own = {str(key["id"]) for key in keys[1:] if isinstance(key, dict) and "id" in key}
    old = own | {f"{field}[{index}]" for index in range(1, len(keys))}
    listed = session.api.accounts().json["accounts"]
    # Keys of an app are noted with the shops where it is installed, a cashier's under another name: then all count.
    own_name = [one for one in listed if one["account"] == account]
    listed = own_name or [one for one in listed if one["account"].partition("/")[0] == account.partition("/")[0]]
    used = [times.parsed(key["used_at"]) or 0.0 for one in listed for key in one["health"]["keys"] if key["key"] in old]
    return max([held.since, *used])
