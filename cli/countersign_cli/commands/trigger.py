"""`countersign trigger PLATFORM WHAT`: have a platform of the sandbox do something, and see each answer."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from countersign_cli import amounts, texts
from countersign_cli.completing import orders
from countersign_cli.exits import FOUND, USAGE, StopError
from countersign_cli.options import Command, Context, pass_context
from countersign_cli.output import Output, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from countersign_cli.sandbox_side import SandboxSide
    from countersign_cli.session import Reference, Session

Json = dict[str, Any]
QUIET_SECONDS = 1.5  # without a further request: then all of them have come
WAIT_SECONDS = 20
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line."""

    account: str
    order: str
    minor: int | None
    times: int
    concurrent: bool
    late: bool
    lost: bool


@dataclass(frozen=True)
class Act:
    """One thing that a platform can be made to do: the simulator's call, and what it is told."""

    call: str
    body: Callable[[Wish], Json]
    needs_order: bool = True
    simulator: str = ""


def _of_order(name: str, amount: str = "amount", **more: Any) -> Callable[[Wish], Json]:
    def body(wish: Wish) -> Json:
        told: Json = {"account": wish.account, name: wish.order, "notify": not wish.lost, **more}
        return told | ({amount: wish.minor} if wish.minor is not None else {})

    return body


def _wechat_paid(wish: Wish) -> Json:
    more = {"times": wish.times, "concurrent": wish.concurrent, "late": wish.late}
    return _of_order("out_trade_no")(wish) | more


def _new(**more: Any) -> Callable[[Wish], Json]:
    return lambda wish: {"account": wish.account, "notify": not wish.lost, **more}


def _charge(will: str) -> Callable[[Wish], Json]:
    return lambda wish: {"account": wish.account, "charge_id": int(wish.order), "will": will}


ACTS: Mapping[str, Mapping[str, Act]] = {
    "wechat": {
        "paid": Act("pay", _wechat_paid),
        "refunded": Act("refund", _of_order("out_trade_no")),
        "expired": Act("expire", _of_order("out_trade_no")),
    },
    "douyin": {
        "paid": Act("pay", _of_order("out_order_no")),
        "refunded": Act("refund", _of_order("out_order_no")),
        "cancelled": Act("cancel", _of_order("out_order_no")),
        "settled": Act("auto_settle", _of_order("out_order_no")),
    },
    "recharge": {
        "created": Act("charge", _new(), needs_order=False),
        "failed": Act("attempt", _charge("CARD_DECLINED")),
        "paid": Act("attempt", _charge("")),
        "refunded": Act("refund", lambda wish: {"account": wish.account, "charge_id": int(wish.order)}),
    },
    "shopify": {
        "created": Act("create", _new(), needs_order=False),
        "paid": Act("pay", _of_order("order")),
        "refunded": Act("refund", _of_order("order")),
        "cancelled": Act("cancel", _of_order("order")),
    },
    "bigcommerce": {
        "created": Act("order", _new(), needs_order=False),
        "moved": Act("move", lambda wish: {"account": wish.account, "id": int(wish.order), "status_id": 2}),
    },
    "hc1": {
        "paid": Act("pay", _of_order("reference", "minor"), simulator="cashier"),
        "failed": Act("end", _of_order("reference", status="FAILED"), simulator="cashier"),
        "expired": Act("end", _of_order("reference", status="EXPIRED"), simulator="cashier"),
    },
    "stripe": {
        "paid": Act("stripe_pay", _of_order("reference"), simulator="cashier"),
        "expired": Act("stripe_expire", _of_order("reference"), simulator="cashier"),
    },
}


@click.command(cls=Command)
@click.argument("platform", type=click.Choice(sorted(ACTS)))
@click.argument("what", metavar="WHAT")
@click.option("--order", shell_complete=orders, help="The order: any number by which it is found.")
@click.option("--account", metavar="NAME", help="The account, where no order says it.")
@click.option("--times", "repeats", type=click.IntRange(1, 100), default=1, help="Tell it so often, one after another.")
@click.option("--concurrent", type=click.IntRange(1, 100), help="Tell it so often, all at once.")
@click.option("--amount", metavar="AMOUNT", help="Another amount than the order's: what a thief would try.")
@click.option("--stale", "spoil", flag_value="stale", help="Signed too long ago.")
@click.option("--forged", "spoil", flag_value="forge", help="Signed with a key that is not the platform's.")
@click.option("--late", is_flag=True, help="The payer was at it when the order was closed (wechat).")
@click.option("--lost", is_flag=True, help="Nobody is told: the platform has to be asked.")
@click.option("-v", "--verbose", is_flag=True, help="Show what each answer says.")
@pass_context
def command(
    context: Context,
    platform: str,
    what: str,
    order: str | None,
    account: str | None,
    repeats: int,
    concurrent: int | None,
    amount: str | None,
    spoil: str | None,
    late: bool,
    lost: bool,
    verbose: bool,
) -> None:
    r"""Have a platform of the sandbox do something. Sandbox only: there is nothing like it for a deployment.

    \b
    wechat       paid refunded expired
    douyin       paid refunded cancelled settled
    recharge     created failed paid refunded
    shopify      created paid refunded cancelled
    bigcommerce  created moved
    hc1          paid failed expired
    stripe       paid expired
    """
    sandbox = _sandbox(context)
    act = ACTS[platform].get(what)
    if act is None:
        raise StopError(USAGE, "no_such_act", platform=platform, known=", ".join(ACTS[platform]))
    session = context.session
    reference = session.find(order) if order else None
    if act.needs_order and reference is None:
        raise StopError(USAGE, "order_needed")
    before = session.api.get_order(*reference).json if reference else None
    currency = before["amount"]["currency"] if before else "CNY"
    wish = Wish(
        _account(reference, account, act),
        reference[2] if reference else "",
        amounts.written(amount, currency)["minor"] if amount else None,
        concurrent or repeats,
        concurrent is not None,
        late,
        lost,
    )
    known = [one["number"] for one in sandbox.call("GET", "/requests")["requests"]]
    simulator = act.simulator or platform
    _spoiled(sandbox, simulator, platform, act, wish, spoil)
    expected = 0 if lost else wish.times
    came = _answers(sandbox, max(known, default=0), expected, f"/{simulator}/")
    after = _settled(session, reference, before, came)
    _print(context.output, came, before, after, verbose=verbose)
    if expected and not came:
        raise click.exceptions.Exit(FOUND)


def _sandbox(context: Context) -> SandboxSide:
    """Return the sandbox, before anything of a deployment is as much as read."""
    if not context.given.get("sandbox"):
        raise StopError(4, "sandbox_only")
    return context.session.in_sandbox()


def _account(reference: Reference | None, account: str | None, act: Act) -> str:
    if reference is None:
        if not account:
            raise StopError(USAGE, "account_needed")
        return account.partition("/")[2] or account
    # A cashier's accounts are named with the cashier before them.
    return reference[1].partition(".")[2] if act.simulator else reference[1]


def _spoiled(sandbox: SandboxSide, simulator: str, platform: str, act: Act, wish: Wish, spoil: str | None) -> None:
    """Have it done, with the simulator's knobs turned for this once."""
    body = act.body(wish)
    knobs: Json = {}
    if spoil:
        knobs[spoil] = {"count": wish.times, "instead": True}
    if wish.times > 1 and "times" not in body:
        knobs["duplicate"] = {"copies": wish.times, "count": 1}
    if spoil and "times" in body:
        # A hand-made message is not sent again, as the genuine one would be after a refusal.
        told = {"account": wish.account, "out_trade_no": wish.order, "spoil": spoil}
        for _ in range(wish.times):
            sandbox.control(simulator, "notify", told)
        return
    if knobs:
        sandbox.call("POST", "/faults", {simulator: knobs})
    try:
        sandbox.control(simulator, act.call, body)
    finally:
        if knobs:
            sandbox.call("POST", "/faults", {simulator: dict.fromkeys(knobs, False)})


def _answers(sandbox: SandboxSide, after: int, expected: int, path: str) -> list[Json]:
    """Wait for what arrives at the product, and return how each was answered."""
    end, quiet = time.monotonic() + WAIT_SECONDS, time.monotonic() + QUIET_SECONDS
    came: list[Json] = []
    while time.monotonic() < (quiet if came or not expected else end):
        found = [
            one for one in sandbox.call("GET", f"/requests?after={after}")["requests"] if one["path"].startswith(path)
        ]
        if len(found) != len(came):
            came, quiet = found, time.monotonic() + QUIET_SECONDS
        if expected and len(came) >= expected:
            break
        time.sleep(LOOK_SECONDS)
    return came


def _settled(session: Session, reference: Reference | None, before: Json | None, came: list[Json]) -> Json | None:
    if reference is None:
        return None
    after: Json = session.api.get_order(*reference).json
    end = time.monotonic() + QUIET_SECONDS
    while any(one["status"] < 300 for one in came) and before and after["version"] == before["version"]:
        if time.monotonic() > end:
            break
        time.sleep(LOOK_SECONDS)
        after = session.api.get_order(*reference).json
    return after


def _print(output: Output, came: list[Json], before: Json | None, after: Json | None, *, verbose: bool) -> None:
    transitions = _transitions(before, after)
    if output.form == "json":
        told = {"answers": came, "before": before and before["status"], "after": after and after["status"]}
        output.json({**told, "transitions": transitions})
        return
    if not output.is_for_people:
        for one in came:
            click.echo(one["status"])
        return
    statuses = " ".join(str(one["status"]) for one in came)
    if came:
        fastest, slowest = (pick(one["seconds"] for one in came) * 1000 for pick in (min, max))
        output.line(output.text("sent", count=len(came), statuses=statuses, least=round(fastest), most=round(slowest)))
    else:
        output.line(output.text("nobody_told"))
    if verbose:
        for text, many in Counter(plain(one["answer"]).strip() or "-" for one in came).items():
            output.line(f"  {many} × {text}")
    if before and after:
        words = [texts.word(f"state.{one['status']}", output.language, one["status"]) for one in (before, after)]
        output.line(output.text("moved", before=words[0], after=words[1], count=transitions))
        for question in after["review"]:
            output.line(output.text("open_question", text=plain(question.get("meaning", question))), fg="yellow")


def _transitions(before: Json | None, after: Json | None) -> int:
    """Return how many of the events that came since changed the order."""
    if not (before and after):
        return 0
    known = {event["event_id"] for event in before["events"]}
    return sum(event["decision"] == "applied" for event in after["events"] if event["event_id"] not in known)
