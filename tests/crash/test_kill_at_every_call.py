"""E1, E5: SIGKILL before and after every external call; whoever waited comes again; the end is that of a quiet run."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from sandbox.testing import LocalCloud
from tests.crash import scenarios, scenarios_douyin, scenarios_notices, scenarios_ship
from tests.crash.scenarios import Ending, play

SCENARIOS = {
    **scenarios.SCENARIOS,
    **scenarios_ship.SCENARIOS,
    **scenarios_douyin.SCENARIOS,
    **scenarios_notices.SCENARIOS,
}
READS = ("dynamodb.Query", "dynamodb.BatchGetItem", "secretsmanager.GetSecretValue")


class Case(NamedTuple):
    scenario: str
    number: int
    call: str
    when: str


def cases() -> Iterator[Case]:
    for name, scenario in SCENARIOS.items():
        for number, call in enumerate(scenario.calls, 1):
            if name.startswith(("poll", "sweep", "bill", "notice by")):
                # Reading another shard of the due list changes nothing, and "before" is "after" the call before it.
                if call != "dynamodb.Query" or number == 1:
                    yield Case(name, number, call, "after")
                continue
            if name.startswith("douyin"):
                # As above: after a call that changes something, and around each that changes something at Douyin.
                if call.startswith("http.POST") and not any(word in call for word in ("query", "token")):
                    yield Case(name, number, call, "before")
                if call not in READS:
                    yield Case(name, number, call, "after")
                continue
            for when in ("before", "after"):
                yield Case(name, number, call, when)


CASES = list(cases())


@pytest.fixture(scope="module")
def endings(
    request: pytest.FixtureRequest,
    cloud: LocalCloud,
    document: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[Case | str, Future[Ending]]]:
    """Play what was selected, two at a time: a killed process leaves the other core idle."""
    wanted = {item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")}
    with ThreadPoolExecutor(2) as pool:

        def begin(scenario: str, crash: dict[str, Any] | None) -> Future[Ending]:
            folder = tmp_path_factory.mktemp("wechat")
            return pool.submit(play, cloud, document, folder, SCENARIOS[scenario], crash)

        playing: dict[Case | str, Future[Ending]] = {name: begin(name, None) for name in SCENARIOS}
        for case in CASES:
            if case in wanted:
                playing[case] = begin(case.scenario, {"call": case.number, "when": case.when})
        yield playing
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_calls_of_a_quiet_run_are_those_that_are_killed(
    scenario: str, endings: dict[Case | str, Future[Ending]]
) -> None:
    quiet = endings[scenario].result()
    listing = [f"{number:3} {call}" for number, call in enumerate(quiet.run.calls, 1)]
    print(f"{scenario}:", *listing, sep="\n")

    assert not quiet.run.killed
    assert tuple(quiet.run.calls) == SCENARIOS[scenario].calls
    assert good(quiet)


@pytest.mark.parametrize("scenario", scenarios_ship.SCENARIOS)
def test_d7_wechat_is_told_of_a_shipment_once(scenario: str, endings: dict[Case | str, Future[Ending]]) -> None:
    """A killed run ends in the same record at WeChat, so one look at the undisturbed run is one at all of them."""
    told = endings[scenario].result().state["wechat"]
    uploads = [(known["uploads"], known["corrected"]) for known in told if "uploads" in known]
    deliveries = [len(parcels) for parcels in told if isinstance(parcels, list)]

    assert (uploads, deliveries) == (([], [1]) if scenario == "ship, store" else ([(1, 0)], []))


@pytest.mark.parametrize("case", CASES, ids=["-".join(map(str, case)) for case in CASES])
def test_e1_a_kill_and_another_try_end_as_an_undisturbed_run(
    case: Case, endings: dict[Case | str, Future[Ending]]
) -> None:
    quiet, killed = endings[case.scenario].result(), endings[case].result()

    assert killed.run.killed, killed.run.output
    assert killed.run.calls[-1] == case.call
    assert good(killed)
    assert settled(killed.state) == settled(quiet.state)
    # At least once, and never under another id: a listener that drops repeats hears each event once.
    assert len(killed.sent) == len(quiet.sent)


def good(ending: Ending) -> bool:
    """Tell whether everybody who came again was answered well."""
    for run in ending.later:
        assert run.status == 0, run.output
        if isinstance(run.answer, dict) and "statusCode" in run.answer:
            assert run.answer["statusCode"] in (200, 201, 204), run.answer
            text = run.answer["body"]
            body = json.loads(text) if text not in ("", "success") else {}
            client = body.get("client", {})
            prepared = client.get("package", "").startswith("prepay_id=") or client.get("orderInfo", {}).get("order_id")
            assert not body or body.get("err_no") == 0 or prepared
        elif isinstance(run.answer, dict):
            assert run.answer["batchItemFailures"] == []
    return True


def settled(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state without what may differ.

    That is the roads by which a child on its way became known, for a lost answer leaves the query; and which version
    an order had when a signal of before, which changes nothing, was attached to it.
    """
    rows = [row for row in state["table"] if not on_its_way(row)]
    signals = [{**row, "version": "version"} if row.get("kind") == "signal" else row for row in rows]
    return {**state, "table": signals}


def on_its_way(row: dict[str, Any]) -> bool:
    """Tell an event that says that a refund or a settlement was taken."""
    return row.get("kind") in ("refund", "settlement") and row["change"]["fact"]["status"] == "processing"
