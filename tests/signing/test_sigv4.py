"""Signature Version 4 as botocore makes it."""

import datetime

import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.signing import sigv4

MOMENT = datetime.datetime(2026, 11, 22, 6, 27, 25, tzinfo=datetime.UTC)
printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)


def botocores(credentials: sigv4.Credentials, region: str, service: str, target: str, body: bytes) -> dict[str, str]:
    request = AWSRequest(method="POST", url=f"https://{service}.{region}.amazonaws.com/", data=body)
    request.headers["Content-Type"] = "application/x-amz-json-1.0"
    request.headers["X-Amz-Target"] = target
    SigV4Auth(BotocoreCredentials(*credentials[:2], credentials.token or None), service, region).add_auth(request)
    return {
        name: request.headers[name]
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
        if name in request.headers
    }


def ours(credentials: sigv4.Credentials, region: str, service: str, target: str, body: bytes) -> dict[str, str]:
    return dict(
        sigv4.headers(
            credentials,
            region=region,
            service=service,
            host=f"{service}.{region}.amazonaws.com",
            content_type="application/x-amz-json-1.0",
            target=target,
            body=body,
            moment=MOMENT.strftime("%Y%m%dT%H%M%SZ"),
        )
    )


@settings(max_examples=200, deadline=None)
@given(
    printable, printable, printable | st.just(""), st.binary(max_size=300), st.sampled_from(["cn-north-1", "eu-west-1"])
)
def test_every_header_is_what_botocore_makes(access_key, secret_key, token, body, region):
    credentials = sigv4.Credentials(access_key, secret_key, token)

    with time_machine.travel(MOMENT, tick=False):
        expected = botocores(credentials, region, "dynamodb", "DynamoDB_20120810.PutItem", body)

    assert ours(credentials, region, "dynamodb", "DynamoDB_20120810.PutItem", body) == expected


@pytest.mark.parametrize("service", ["secretsmanager", "sqs", "events"])
def test_services_sign_under_their_own_names(service):
    credentials = sigv4.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

    with time_machine.travel(MOMENT, tick=False):
        expected = botocores(credentials, "us-east-1", service, "T.O", "订单".encode())

    assert ours(credentials, "us-east-1", service, "T.O", "订单".encode()) == expected


def test_a_service_with_a_path_for_each_operation_signs_its_path_and_no_target():
    credentials = sigv4.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session")
    body = '{"Subject":"订单"}'.encode()
    request = AWSRequest("POST", "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails", data=body)
    request.headers["Content-Type"] = "application/json"

    with time_machine.travel(MOMENT, tick=False):
        SigV4Auth(BotocoreCredentials(*credentials), "ses", "eu-west-1").add_auth(request)
    made = sigv4.headers(
        credentials,
        region="eu-west-1",
        service="ses",
        host="email.eu-west-1.amazonaws.com",
        content_type="application/json",
        target="",
        body=body,
        moment=MOMENT.strftime("%Y%m%dT%H%M%SZ"),
        path="/v2/email/outbound-emails",
    )

    assert made == {name: request.headers[name] for name in ("X-Amz-Date", "Authorization", "X-Amz-Security-Token")}
