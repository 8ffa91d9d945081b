"""What the settlement worker owes every platform where the merchant asks for settlements."""

from typing import Any

import pytest

from countersign.errors import PlatformUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.orders.changes import Change, Queried, SettlementReported
from countersign.orders.sentences import sentence
from countersign.store import keys
from tests.workers.world import ORDER, World

ROW = keys.child_sk("settlement", ORDER)


def sold(world: World) -> Any:
    """Have a paid order whose settlement is due; return the connector."""
    world.buy()
    payment, after = world.order().payment, world.order().terms.settle_after
    assert payment is not None
    assert after is not None
    world.work("settle", payment.paid_at + after - 1 - world.now)
    assert world.settlement().status == "planned"
    world.cloud.clock.shift(1)
    return world.connectors("settle")(world.account)


def test_an_order_is_settled_after_its_period_with_the_accounts_shares(settling: World) -> None:
    connector = sold(settling)

    settling.work("settle")

    settlement = settling.settlement()
    assert (settlement.status, settlement.amount) == ("processing", 8800)
    assert settlement.shares == tuple((uid, 8800 * points // 10_000) for uid, points in connector.receivers)


def test_a_lost_answer_is_one_settlement(settling: World) -> None:
    sold(settling)
    settling.fail(after="settle")

    settling.work("settle")
    assert settling.settlement().status == "asked"
    settling.work("settle", 61)

    assert settling.settlement().status == "processing"


def test_what_the_platform_settled_by_itself_is_left_alone(settling: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = sold(settling)
    done = SettlementReported("theirs", Money(8800, settling.currency), "succeeded", at=settling.now)
    answer = (Change(settling.key(), done, Queried(), "query", system=settling.order().terms.system),)
    monkeypatch.setattr(type(connector), "query_settlements", lambda *_: answer)

    settling.work("settle")

    assert (settling.settlement().status, settling.order().settled) == ("not_needed", 8800)


def test_what_is_refused_for_good_fails_with_the_reason_and_is_not_asked_for_again(
    settling: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = sold(settling)

    def refuse(*_: Any) -> Any:
        raise UnprocessableError("merchant_uid is in double quotes")

    monkeypatch.setattr(type(connector), "settle", refuse)
    settling.work("settle")

    assert settling.settlement().status == "failed"
    assert sentence(settling.settlement().reason) == "merchant_uid is in double quotes"
    assert settling.due_at(ROW) == 0


def test_what_refunds_have_left_is_settled_and_open_ones_are_waited_for(settling: World) -> None:
    settling.buy()
    settling.approve(800)
    settling.work("refund")
    payment, after = settling.order().payment, settling.order().terms.settle_after
    assert payment is not None
    assert after is not None
    settling.work("settle", payment.paid_at + after - settling.now)
    assert settling.settlement().status == "planned"

    settling.end_refund()
    settling.work("refund", 60)
    settling.work("settle", 3600)

    assert (settling.settlement().status, settling.settlement().amount) == ("processing", 8000)


def test_shares_over_the_platforms_limit_are_not_asked_for(settling: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = sold(settling)
    monkeypatch.setattr(type(connector), "receivers", (("partner", 6000),), raising=True)

    settling.work("settle")

    limited = settling.order().terms.max_share_basis_points < 6000
    assert settling.settlement().status == ("failed" if limited else "processing")
    if limited:
        assert "would be shared" in str(sentence(settling.settlement().reason))


def test_E6_no_answer_and_a_row_that_cannot_be_read_back_off(settling: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = sold(settling)

    def silent(*_: Any) -> Any:
        raise PlatformUnavailableError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(connector), "query_settlements", silent)
        settling.work("settle")
    assert settling.due_at(ROW) == settling.now + 60

    settling.spoil(ROW)
    settling.work("settle", 60)
    assert settling.due_at(ROW) == settling.now + 120
