"""Log and metric lines as CloudWatch reads them."""

import json
from types import SimpleNamespace

import pytest

from countersign.runtime.telemetry import count, invocation, logger, seconds

CONTEXT = SimpleNamespace(function_name="wechat_notify", aws_request_id="r-1")


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_of_one_invocation_are_one_embedded_metric_line(capsys):
    @invocation
    def handler(_event, _context):
        count("OrderApplied")
        count("OrderApplied")
        seconds("OutboxAgeSeconds", 3)
        seconds("OutboxAgeSeconds", 2)

    handler({}, CONTEXT)

    [line] = lines(capsys)
    [described] = line["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Countersign"
    assert described["Dimensions"] == [["service"]]
    assert described["Metrics"] == [
        {"Name": "OrderApplied", "Unit": "Count"},
        {"Name": "OutboxAgeSeconds", "Unit": "Seconds"},
    ]
    assert (line["OrderApplied"], line["OutboxAgeSeconds"]) == (2, 3)


def test_counts_do_not_leak_into_the_next_invocation(capsys):
    handler = invocation(lambda event, _context: count("A") if event else None)

    handler(True, CONTEXT)
    handler(False, CONTEXT)

    assert len(lines(capsys)) == 1


def test_counts_are_written_when_the_handler_fails(capsys):
    @invocation
    def handler(_event, _context):
        count("A")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the test's own
        handler({}, CONTEXT)
    assert lines(capsys)[0]["A"] == 1


def test_a_log_line_names_its_invocation(capsys):
    @invocation
    def handler(_event, _context):
        logger.warning("refused", extra={"reason": "订单\n"})

    handler({}, CONTEXT)

    [line] = lines(capsys)
    assert (line["level"], line["message"], line["reason"]) == ("WARNING", "refused", "订单\n")
    assert (line["function"], line["request_id"]) == ("wechat_notify", "r-1")
