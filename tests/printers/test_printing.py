"""A receipt is printed once: on the first printer that can, whatever answer is lost and wherever the process ends."""

import pytest
from botocore.exceptions import ConnectionClosedError

from countersign.errors import ContentionError
from countersign.notices.channels import printer
from countersign.notices.receipt import PrintSettings
from countersign.store import printer_jobs
from tests.printers.counter import FEIE, NOW, YILIANYUN, Counter, PowerCutError

BAR_FIRST = PrintSettings(printers=("bar", "kitchen"))
MINUTE = 60


def until_done(counter: Counter, notice: str = "n1", settings: PrintSettings | None = None) -> list[str]:
    """Make attempts a minute apart, as the worker does, and return how each ended."""
    states = []
    for _ in range(5):
        outcome = counter.send(notice, settings)
        states.append(outcome.state)
        if outcome.state != "again":
            break
        counter.clock.at += MINUTE
    # The worker may end before it says so in the notice's row: then it asks once more.
    paper = counter.receipts()
    assert (counter.send(notice, settings).state, counter.receipts()) == (states[-1], paper)
    return states


def test_a_receipt_is_printed_on_the_first_printer(counter: Counter) -> None:
    outcome = counter.send()

    assert (outcome.state, outcome.via.split()[0]) == ("sent", "kitchen")
    assert outcome.via.split()[1].startswith("316500010_20261122")
    assert len(counter.receipts("kitchen")) == 1
    assert "珍珠奶茶（大杯）" in counter.receipts()[0]
    assert counter.receipts("bar") == []
    assert counter.calls == ["Open_queryPrinterStatus", "Open_queryOrderInfoByDate", "Open_printMsg"]


@pytest.mark.parametrize(("state", "word"), [("offline", "offline"), ("abnormal", "not working (paper, lid)")])
def test_a_printer_that_cannot_print_is_passed_over(counter: Counter, state: str, word: str) -> None:
    counter.control("printer", name="kitchen", state=state)

    assert counter.send().state == "sent"
    assert len(counter.receipts("bar")) == 1

    counter.control("printer", name="bar", state=state)
    outcome = counter.send("n2")

    assert outcome.state == "again"
    assert outcome.reason == f"kitchen: the printer is {word}; bar: the printer is {word}"
    assert len(counter.receipts()) == 1


def test_a_receipt_waits_for_the_printers_and_is_printed_once_when_one_works(counter: Counter) -> None:
    for name in ("kitchen", "bar"):
        counter.control("printer", name=name, state="offline")
    assert counter.send().state == "again"

    counter.control("printer", name="bar", state="ok")

    assert until_done(counter) == ["sent"]
    assert (len(counter.receipts("bar")), counter.receipts("kitchen")) == (1, [])


def test_the_order_of_printers_is_the_notices(counter: Counter) -> None:
    assert counter.send(settings=BAR_FIRST).via.split()[0] == "bar"
    assert len(counter.receipts("bar")) == 1


def test_no_other_printer_is_begun_when_the_time_is_up(counter: Counter) -> None:
    counter.control("printer", name="kitchen", state="offline")
    counter.budget = -1

    outcome = counter.send()

    assert outcome == ("again", "kitchen: the printer is offline; bar: there was no time to try it", "")
    assert counter.receipts() == []


def test_copies_come_out_as_often_as_wanted(counter: Counter) -> None:
    assert counter.send("n1", PrintSettings(copies=2)).state == "sent"
    assert counter.send("n2", PrintSettings(printers=("bar",), copies=3)).state == "sent"
    assert (len(counter.receipts("kitchen")), len(counter.receipts("bar"))) == (2, 3)


def test_a_printer_that_is_wrong_in_the_document_is_passed_over(counter: Counter) -> None:
    counter.printers[0] = {**counter.printers[0], "ukey": "<your UKEY>"}

    assert counter.send().via.split()[0] == "bar"

    outcome = counter.send("n2", PrintSettings(printers=("kitchen", "cellar")))
    assert (outcome.state, outcome.reason) == (
        "failed",
        "kitchen: printers[].ukey is a placeholder; cellar: there is no printer of this name",
    )


def test_without_any_printer_a_notice_has_failed(counter: Counter) -> None:
    counter.printers = []

    assert counter.send() == ("failed", "the account has no printer", "")


def test_a_refusal_is_definite_so_the_next_printer_prints(counter: Counter) -> None:
    counter.cloud.faults({"refuse": {"match": "Open_printMsg", "code": 1004}})

    assert counter.send().via.split()[0] == "bar"
    assert counter.receipts("kitchen") == []
    assert counter.books()["PRINTER#feie%23316500010"]["unconfirmed_job"] == {}


def test_a_receipt_that_every_printer_refuses_has_failed(counter: Counter) -> None:
    counter.cloud.faults({"refuse": {"match": "content=", "count": 9, "code": 1004}})

    outcome = counter.send()

    assert outcome.state == "failed"
    assert outcome.reason == ("kitchen: Feie refused (ret 1004): no more is known; bar: Yilianyun refused: error 1004")
    assert counter.receipts() == []


def test_a_cloud_that_refuses_even_the_question_may_be_mended_in_time(counter: Counter) -> None:
    counter.cloud.faults({"refuse": {"count": 2, "code": 33}})

    outcome = counter.send()

    assert (outcome.state, outcome.reason) == (
        "again",
        "kitchen: Feie refused (ret 33): no more is known; bar: Yilianyun refused: error 33",
    )
    assert until_done(counter) == ["sent"]
    assert len(counter.receipts("kitchen")) == 1


# Feie: no number of ours makes a job print once.


@pytest.mark.parametrize("fault", ["error500", "not_json"])
def test_E15_a_receipt_whose_answer_was_lost_is_found_by_the_counter(counter: Counter, fault: str) -> None:
    counter.cloud.faults({fault: {"match": "Open_printMsg", "after": True}})

    outcome = counter.send()

    assert (outcome.state, outcome.via) == ("sent", "kitchen")
    assert "counter" in outcome.reason
    assert until_done(counter) == ["sent"]
    assert len(counter.receipts()) == 1


def test_a_receipt_that_did_not_arrive_is_sent_again_but_not_at_once(counter: Counter) -> None:
    counter.dead = {"Open_printMsg:1"}

    first = counter.send()
    assert (first.state, counter.receipts()) == ("again", [])
    assert "may have printed" in first.reason

    counter.clock.at += 10  # the call that was given up may still be on its way
    assert (counter.send().state, counter.receipts()) == ("again", [])

    counter.clock.at += MINUTE
    assert counter.send().state == "sent"
    assert (len(counter.receipts("kitchen")), counter.receipts("bar")) == (1, [])


@pytest.mark.parametrize("what", ["lose", "dead"])
def test_in_doubt_the_next_printer_is_never_used(counter: Counter, what: str) -> None:
    setattr(counter, what, {"Open_printMsg:1"})
    counter.dead |= {f"Open_queryOrderInfoByDate:{number}" for number in (2, 3, 4)}

    states = until_done(counter)

    assert states == ["again", "again", "again", "sent"]
    assert (len(counter.receipts("kitchen")), counter.receipts("bar")) == (1, [])


def test_a_counter_that_rose_by_more_is_for_a_person(counter: Counter) -> None:
    counter.lose = {"Open_printMsg:1"}
    counter.dead = {"Open_queryOrderInfoByDate:2"}
    assert counter.send().state == "again"
    counter.control("press", name="kitchen")
    counter.clock.at += MINUTE

    outcome = counter.send()

    assert (outcome.state, outcome.via) == ("unknown", "kitchen")
    assert "does not tell" in outcome.reason
    assert until_done(counter) == ["unknown"]
    assert len(counter.receipts()) == 1


def test_a_doubt_over_midnight_asks_for_both_days(counter: Counter) -> None:
    counter.clock.at = 1_795_363_190  # 23:59:50 in Beijing
    counter.lose = {"Open_printMsg:1"}
    counter.dead = {"Open_queryOrderInfoByDate:2"}
    assert counter.send().state == "again"
    counter.clock.at += MINUTE

    assert counter.send().state == "sent"
    assert counter.calls[-2:] == ["Open_queryOrderInfoByDate", "Open_queryOrderInfoByDate"]
    assert len(counter.receipts()) == 1


def test_another_receipt_first_clears_up_what_became_of_the_last_one(counter: Counter) -> None:
    counter.lose = {"Open_printMsg:1"}
    counter.dead = {"Open_queryOrderInfoByDate:2"}
    assert counter.send("n1").state == "again"
    counter.clock.at += MINUTE

    assert counter.send("n2").via.split()[0] == "kitchen"  # its own count would hide the other's
    assert counter.send("n3").via.split()[0] == "kitchen"
    assert counter.send("n1").state == "sent"
    assert len(counter.receipts("kitchen")) == 3


def test_while_the_last_receipt_is_in_doubt_others_use_another_printer(counter: Counter) -> None:
    counter.dead = {"Open_printMsg:1"}
    assert counter.send("n1").state == "again"

    assert counter.send("n2").via.split()[0] == "bar"

    counter.clock.at += MINUTE
    assert counter.send("n1").via.split()[0] == "kitchen"
    assert (len(counter.receipts("kitchen")), len(counter.receipts("bar"))) == (1, 1)


def test_a_doubt_that_nobody_asked_about_for_a_day_does_not_block_the_printer(counter: Counter) -> None:
    counter.dead = {"Open_printMsg:1"}
    assert counter.send("n1").state == "again"
    counter.clock.at += 25 * 3600

    assert counter.send("n2").via.split()[0] == "kitchen"
    assert counter.calls.count("Open_queryOrderInfoByDate") == 3
    assert counter.send("n1").state == "unknown"
    assert len(counter.receipts()) == 1


def test_a_cloud_that_refuses_to_count_leaves_the_doubt_open(counter: Counter) -> None:
    counter.lose = {"Open_printMsg:1"}
    counter.dead = {"Open_queryOrderInfoByDate:2"}
    assert counter.send().state == "again"
    counter.cloud.faults({"refuse": {"match": "Open_queryOrderInfoByDate"}})
    counter.clock.at += MINUTE

    assert until_done(counter) == ["again", "sent"]
    assert len(counter.receipts()) == 1


def test_a_printer_that_left_the_document_in_doubt_is_for_a_person(counter: Counter) -> None:
    counter.dead = {"Open_printMsg:1"}
    assert counter.send().state == "again"
    counter.printers = counter.printers[1:]

    outcome = counter.send()

    assert (outcome.state, outcome.via) == ("unknown", "kitchen")
    assert counter.receipts() == []


# Yilianyun: the same number prints once.


@pytest.mark.parametrize("what", ["lose", "dead"])
def test_yilianyun_is_sent_the_same_job_again(counter: Counter, what: str) -> None:
    setattr(counter, what, {"index:1", "index:2"})

    assert until_done(counter, settings=BAR_FIRST) == ["again", "again", "sent"]
    assert (len(counter.receipts("bar")), counter.receipts("kitchen")) == (1, [])


def test_yilianyun_in_doubt_and_offline_is_waited_for(counter: Counter) -> None:
    counter.lose = {"index:1"}
    assert counter.send(settings=BAR_FIRST).state == "again"
    counter.control("printer", name="bar", state="offline")

    counter.dead = {"getprintstatus:3"}
    for _ in range(3):
        counter.clock.at += MINUTE
        assert counter.send(settings=BAR_FIRST).state == "again"

    counter.control("printer", name="bar", state="ok")
    counter.clock.at += MINUTE
    assert counter.send(settings=BAR_FIRST).state == "sent"
    assert (len(counter.receipts("bar")), counter.receipts("kitchen")) == (1, [])


def test_yilianyun_refusing_after_a_doubt_is_for_a_person(counter: Counter) -> None:
    counter.lose = {"index:1"}
    assert counter.send(settings=BAR_FIRST).state == "again"
    counter.cloud.faults({"refuse": {"match": "print/index"}})
    counter.clock.at += MINUTE

    assert until_done(counter, settings=BAR_FIRST) == ["unknown"]
    assert (len(counter.receipts("bar")), counter.receipts("kitchen")) == (1, [])


def test_yilianyun_gives_one_token_for_many_receipts_and_a_new_one_where_it_is_void(counter: Counter) -> None:
    for number in range(4):
        assert counter.send(f"n{number}", BAR_FIRST).state == "sent"
    assert counter.calls.count("oauth") == 1

    counter.control("token")

    assert counter.send("n9", BAR_FIRST).via.split()[0] == "bar"
    assert counter.calls.count("oauth") == 2
    assert len(counter.receipts("bar")) == 5


def test_copies_of_which_only_some_were_taken_are_not_begun_elsewhere(counter: Counter) -> None:
    settings = PrintSettings(printers=("bar", "kitchen"), copies=3)
    origin = printer.job_of("n1")[:29]
    counter.cloud.faults({"refuse": {"match": f"origin_id={origin}-1"}})

    assert until_done(counter, settings=settings) == ["again", "sent"]
    assert (len(counter.receipts("bar")), counter.receipts("kitchen")) == (3, [])


# Wherever the process ends.


CALLS = {
    "kitchen": ["Open_queryPrinterStatus:1", "Open_queryOrderInfoByDate:1", "Open_printMsg:1"],
    "bar": ["oauth:1", "getprintstatus:1", "index:1"],
}


@pytest.mark.parametrize(("printer", "call"), [(name, call) for name, calls in CALLS.items() for call in calls])
def test_one_receipt_comes_out_when_the_process_ends_at_a_call(counter: Counter, printer: str, call: str) -> None:
    settings = PrintSettings(printers=(printer, *sorted(CALLS.keys() - {printer})))
    counter.cut = {call}
    with pytest.raises(PowerCutError):
        counter.send(settings=settings)
    counter.clock.at += MINUTE

    assert until_done(counter, settings=settings) == ["sent"]
    assert (len(counter.receipts()), len(counter.receipts(printer))) == (1, 1)


WRITES = {
    "kitchen": ["update_item", "memo", "update_item", "memo", "update_item"],
    "bar": ["update_item", "update_item", "put_item", "memo", "update_item", "memo", "update_item"],
}


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize(
    ("printer", "number"), [(name, number) for name, writes in WRITES.items() for number in range(1, len(writes) + 1)]
)
def test_one_receipt_comes_out_when_the_process_ends_at_a_write(
    counter: Counter, printer: str, number: int, is_done: bool
) -> None:
    settings = PrintSettings(printers=(printer, *sorted(CALLS.keys() - {printer})))
    counter.table.cut = (number, is_done)
    with pytest.raises(PowerCutError):
        counter.send(settings=settings)
    assert counter.table.writes[:number] == WRITES[printer][:number]
    counter.clock.at += MINUTE

    assert until_done(counter, settings=settings) == ["sent"]
    assert (len(counter.receipts()), len(counter.receipts(printer))) == (1, 1)


def test_a_kept_answer_is_enough_even_if_the_worker_ended_before_it_said_so(counter: Counter) -> None:
    assert counter.send().state == "sent"

    again = counter.send()

    assert (again.state, again.reason) == ("sent", "")
    assert counter.calls[-1] == "Open_queryOrderState"
    assert len(counter.receipts()) == 1


def test_a_receipt_that_waits_in_the_cloud_is_told_as_such(counter: Counter) -> None:
    sent = counter.send()
    counter.cloud.shop.printers["feie", "316500010"].jobs[-1].is_printed = False

    outcome = counter.send()

    assert outcome == ("sent", "the printer's cloud has it, it is not on paper yet", sent.via)


def test_what_the_cloud_took_is_sent_whatever_it_says_later(counter: Counter) -> None:
    sent = counter.send()
    counter.cloud.faults({"refuse": {"match": "Open_queryOrderState", "code": 1005}})
    assert counter.send() == sent
    counter.dead = {"Open_queryOrderState:2"}
    assert counter.send() == sent
    counter.printers = []

    assert counter.send() == sent
    assert len(counter.receipts()) == 1


def test_a_call_that_left_late_in_a_long_attempt_is_young(counter: Counter) -> None:
    """The time of a doubt is that of the call, not that of the attempt's beginning."""
    counter.delays = {"Open_queryPrinterStatus": 40}
    counter.dead = {"Open_printMsg:1"}
    assert counter.send("n1").state == "again"
    counter.clock.at += 10
    counter.delays = {}

    assert counter.send("n2", PrintSettings(printers=("kitchen",))).reason == (
        "kitchen: what became of its last job is not known yet"
    )


# One at a time.


def test_a_printer_in_use_is_waited_for_and_then_left_for_later(counter: Counter) -> None:
    number = "feie#316500010"
    book = printer_jobs.take(counter.client, "Orders", number, "another", now=NOW)
    assert book is not None

    outcome = counter.send(settings=PrintSettings(printers=("kitchen",)))
    assert (outcome.state, outcome.reason) == ("again", "kitchen: the printer is busy with other receipts")

    printer_jobs.keep(counter.client, "Orders", number, "another", book, leave=True)
    assert counter.send(settings=PrintSettings(printers=("kitchen",))).state == "sent"


def test_a_turn_ends_with_its_time_and_its_holder_finds_out(counter: Counter) -> None:
    number = "feie#316500010"
    book = printer_jobs.take(counter.client, "Orders", number, "first", now=NOW)
    assert book is not None
    assert printer_jobs.take(counter.client, "Orders", number, "second", now=NOW + printer_jobs.LEASE_SECONDS) is None

    assert (
        printer_jobs.take(counter.client, "Orders", number, "second", now=NOW + printer_jobs.LEASE_SECONDS + 1)
        is not None
    )
    with pytest.raises(ContentionError, match="went to another"):
        printer_jobs.keep(counter.client, "Orders", number, "first", book)


def test_a_clock_that_was_moved_back_does_not_lock_a_printer(counter: Counter) -> None:
    assert printer_jobs.take(counter.client, "Orders", "feie#1", "first", now=NOW + 86400) is not None

    assert printer_jobs.take(counter.client, "Orders", "feie#1", "second", now=NOW) is not None


def test_a_lost_answer_of_the_table_does_not_lose_the_turns_end(counter: Counter) -> None:
    counter.client.lost_answers = {}
    book = printer_jobs.take(counter.client, "Orders", "feie#1", "first", now=NOW)
    assert book is not None
    counter.client.lost_answers = {"update_item": [ConnectionClosedError(endpoint_url="x")]}

    printer_jobs.keep(counter.client, "Orders", "feie#1", "first", book, leave=True)

    assert printer_jobs.take(counter.client, "Orders", "feie#1", "second", now=NOW) is not None


def test_verdicts_of_notices_that_never_come_back_are_not_kept_for_ever(counter: Counter) -> None:
    book = printer_jobs.take(counter.client, "Orders", "feie#1", "first", now=NOW)
    assert book is not None
    book.outcomes = {str(number): "printed" for number in range(80)}

    printer_jobs.keep(counter.client, "Orders", "feie#1", "first", book)

    assert list(counter.books()["PRINTER#feie%231"]["outcomes"]) == [str(number) for number in range(30, 80)]


def test_one_printer_of_two_accounts_is_one_printer(counter: Counter) -> None:
    counter.printers.append({**counter.printers[0], "name": "the same"})

    assert counter.send("n1").state == "sent"
    assert counter.send("n2", PrintSettings(printers=("the same",))).state == "sent"
    assert list(counter.books()) == ["PRINTER#feie%23316500010"]


def test_no_secret_and_no_customer_is_in_the_table_or_in_a_reason(counter: Counter) -> None:
    counter.lose = {"Open_printMsg:1"}
    counter.dead = {"Open_queryOrderInfoByDate:2"}

    outcome = counter.send()

    told = f"{outcome} {counter.memos} {counter.books()}"
    assert not any(word in told for word in (FEIE["ukey"], YILIANYUN["client_secret"], "shop@example.com", "少冰"))
