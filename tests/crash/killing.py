"""Play a scenario undisturbed and killed at each of its external calls, and compare how both end."""

from __future__ import annotations

import difflib
import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.crash.scenarios import Ending, Scenario, play

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.testing import LocalCloud

# What others see or what is kept for good; the rest reads, or takes leases and turns that come back.
TELLING = ("dynamodb.TransactWriteItems", "events.", "http.POST", "http.PUT", "sesv2.", "sqs.")


class Case(NamedTuple):
    """One kill: before or after one call of a scenario's run."""

    scenario: str
    number: int
    call: str
    when: str


Endings = dict[Case | str, Future[Ending]]


def cases(scenarios: Mapping[str, Scenario]) -> list[Any]:
    """Return every kill, before and after each call; `make test` strikes those that matter most, the soak all.

    Nothing happens outside between two calls, so "before" a call is "after" the one before it. Those that matter most
    come after a call that tells somebody something, when nothing here says so yet.
    """
    found = []
    for name, scenario in scenarios.items():
        for number, call in enumerate(scenario.calls, 1):
            for when in ("before", "after"):
                case = Case(name, number, call, when)
                marks = () if when == "after" and call.startswith(TELLING) else (pytest.mark.soak,)
                found.append(pytest.param(case, id="-".join(map(str, case)), marks=marks))
    return found


def endings_of(scenarios: Mapping[str, Scenario]) -> Any:
    """Return the fixture `endings`: what was selected of these scenarios is played, two at a time.

    A killed process leaves the other core idle.
    """

    @pytest.fixture(scope="module")
    def endings(
        request: pytest.FixtureRequest,
        cloud: LocalCloud,
        document: dict[str, Any],
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Iterator[Endings]:
        with ThreadPoolExecutor(2) as pool:

            def begin(scenario: str, crash: dict[str, Any] | None) -> Future[Ending]:
                folder = tmp_path_factory.mktemp("world")
                return pool.submit(play, cloud, document, folder, scenarios[scenario], crash)

            playing: Endings = {name: begin(name, None) for name in scenarios}
            for item in request.session.items:
                case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
                if isinstance(case, Case) and case.scenario in scenarios:
                    playing[case] = begin(case.scenario, {"call": case.number, "when": case.when})
            yield playing
            pool.shutdown(cancel_futures=True)

    return endings


def quiet_run_is_as_listed(scenarios: Mapping[str, Scenario], name: str, endings: Endings) -> bool:
    """Print the calls of the undisturbed run, and tell whether they are those that are killed."""
    quiet = endings[name].result()
    listing = [f"{number:3} {call}" for number, call in enumerate(quiet.run.calls, 1)]
    print(f"{name}:", *listing, sep="\n")

    assert not quiet.run.killed
    assert tuple(quiet.run.calls) == scenarios[name].calls
    return good(quiet)


def ends_as_undisturbed(case: Case, endings: Endings) -> bool:
    """Tell whether a killed run and another try end as the undisturbed run, and nobody was told under another id."""
    quiet, killed = endings[case.scenario].result(), endings[case].result()

    assert killed.run.killed, killed.run.output
    assert killed.run.calls[-1] == case.call, killed.run.requests
    assert good(killed, quiet)
    assert differences(settled(quiet.state), settled(killed.state)) == []
    # At least once, and never under another id: a listener that drops repeats hears each event once.
    return len(killed.sent) == len(quiet.sent)


def good(ending: Ending, quiet: Ending | None = None) -> bool:
    """Tell whether everybody who came again was answered well: a platform in the words that it had undisturbed."""
    first = (quiet or ending).run.answer
    for run in ending.later:
        assert run.status == 0, run.output
        if isinstance(run.answer, dict) and "statusCode" in run.answer:
            assert run.answer["statusCode"] in (200, 201, 204, 303), run.answer
            text = run.answer["body"]
            body = json.loads(text) if text not in ("", "success") else {}
            taken = isinstance(first, dict) and text == first.get("body")
            address = body.get("cashier_url") or body.get("redirect_url")
            assert not body or body.get("err_no") == 0 or taken or address or prepared(body.get("client", {}))
        elif isinstance(run.answer, dict):
            assert run.answer["batchItemFailures"] == []
    return True


def prepared(client: dict[str, Any]) -> bool:
    """Tell whether a front end got all that it passes on; what platforms prefix or nest must be there inside."""
    package, order = client.get("package", "prepay_id=1"), client.get("orderInfo", {"order_id": "1"})
    inside = package.startswith("prepay_id=") and order.get("order_id")
    return bool(client and all(client.values()) and inside)


def differences(quiet: dict[str, Any], killed: dict[str, Any]) -> list[str]:
    """Return the lines in which two states differ, as JSON: "- " as undisturbed, "+ " as killed."""
    lines = [json.dumps(state, indent=1, sort_keys=True, default=str).splitlines() for state in (quiet, killed)]
    found = list(difflib.unified_diff(*lines, n=4, lineterm=""))
    print(*found, sep="\n")
    assert found or quiet == killed
    return [line for line in found if line.startswith(("-", "+"))]


def settled(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state without what may differ.

    That is the roads by which a child on its way became known, for a lost answer leaves the query; which version an
    order had when a signal of before, which changes nothing, was attached to it; and that who came again to create an
    order tried it once more, which is a fact of the order.
    """
    rows = without_attempts([row for row in state["table"] if not on_its_way(row)])
    signals = [{**row, "version": "version"} if row.get("kind") == "signal" else row for row in rows]
    # How an account does is noted with what is published, which a kill may move to another run.
    noted = [{"pk": row["pk"], "sk": row["sk"]} if row["pk"] in ("PULSE", "CREDENTIALS") else row for row in signals]
    return {**state, "table": noted}


def without_attempts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows as they were if everybody had created at the first attempt; versions count the others out."""
    tries = [(row["pk"], int(row["version"])) for row in rows if is_another_attempt(row) and row.get("version")]
    kept = []
    for row in rows:
        if is_another_attempt(row):
            continue
        if str(row.get("version")).isdigit():
            version = int(row["version"])
            earlier = sum(1 for pk, number in tries if pk == row["pk"] and number <= version)
            row = {**row, "version": type(row["version"])(version - earlier)}
        if isinstance(row.get("facts"), dict):
            row = {**row, "facts": {name: value for name, value in row["facts"].items() if name != "attempts"}}
        kept.append(row)
    return kept


def is_another_attempt(row: dict[str, Any]) -> bool:
    """Tell an event that says that the platform was asked for an order once more."""
    return row.get("kind") == "payment_attempted"


def on_its_way(row: dict[str, Any]) -> bool:
    """Tell an event that says that a refund or a settlement was taken."""
    return row.get("kind") in ("refund", "settlement") and row["change"][0]["fact"]["status"] == "processing"
