"""What SES says becomes an outcome, and none of its words reach staff: they name addresses."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from countersign import aws
from countersign.notices.channels import email
from countersign.notices.channels.port import Delivery
from countersign.notices.content import Facts
from countersign.notices.settings import Email, Notice
from countersign.orders.changes import OrderKey
from countersign.store.notices import Event

KEY = OrderKey("wechat", "shop", "A-1")
EMAIL = Email(("anna@example.com",), "shop@example.com", "{event}\n{order_id} " + "x" * 200, "{order_id}")
TOLD = Event(KEY, "order.paid.e1", "order.paid", "e1", 1795328845, 2)
JOB = Delivery(
    Notice("mail", "email", frozenset()), Facts(KEY, "order.paid", TOLD.at), None, TOLD, {}, lambda memo: None, TOLD.at
)


class Ses:
    """Remembers what it was given; raises what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.given: list[dict[str, Any]] = []

    def send_email(self, **given: Any) -> None:
        self.given.append(given)
        if self.error is not None:
            raise self.error


def test_a_subject_is_one_line_and_not_too_long():
    ses = Ses()

    assert email.send(EMAIL, JOB, ses).state == "sent"
    subject = ses.given[0]["Content"]["Simple"]["Subject"]["Data"]
    assert subject.startswith("order.paid A-1 x")
    assert len(subject) == email.MAX_SUBJECT


@pytest.mark.parametrize("code", sorted(email.REFUSALS))
def test_a_refusal_is_final_and_said_in_our_words(code):
    error = ClientError({"Error": {"Code": code, "Message": "anna@example.com is not verified"}}, "SendEmail")

    outcome = email.send(EMAIL, JOB, Ses(error))

    assert outcome == ("failed", email.REFUSALS[code], "")
    assert "anna" not in outcome.reason


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "anna@example.com"}}, "SendEmail"),
        ClientError({"Error": {"Code": "SendingPausedException", "Message": "anna@example.com"}}, "SendEmail"),
        EndpointConnectionError(endpoint_url="https://email.example.com"),
        ReadTimeoutError(endpoint_url="https://email.example.com"),
    ],
)
def test_what_may_pass_is_tried_again(error):
    outcome = email.send(EMAIL, JOB, Ses(error))

    assert outcome.state == "again"
    assert "anna" not in outcome.reason


def test_ses_is_given_time_and_is_not_asked_twice_by_botocore(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    client = aws.client.__wrapped__("sesv2")

    assert client.meta.config.retries["total_max_attempts"] == 1
    assert aws.PATIENT["sesv2"] > 5
