"""Until when the certificates are good by which Shopify's requests are believed, and who is told in time."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import time_machine
from moto import mock_aws

from countersign.errors import MalformedError, StoreUnavailableError
from countersign.platforms.shopify import trust
from sandbox.certificates import Authority
from sandbox.dataplane import Ministack
from sandbox.events import shapes
from tests.infra.reading import resources

DAY = 86_400
BUCKET, NAME = "trust-of-the-tests", "shopify.pem"


def ends_at(authority: Authority) -> int:
    return int(authority.certificate.not_valid_after_utc.timestamp())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_the_first_certificate_that_ends_counts_wherever_it_stands(authority: Authority) -> None:
    short = authority.issue("an intermediate", days=90)["certificate"]
    end = trust.chains.members(short)[0].ends_at
    for bundle in (short + authority.pem, f"# Shopify\n{authority.pem}\n{short}", short + short):
        found = trust.read(bundle.encode(), end - 61 * DAY)

        assert (found.days_left, found.subject, found.certificates) == (61, "CN=an intermediate", 2)


@pytest.mark.parametrize(
    ("before", "days", "soon"),
    [(60 * DAY, 60, False), (60 * DAY - 1, 59, True), (DAY, 1, True), (1, 0, True), (-5 * DAY, 0, True)],
)
def test_whole_days_are_counted_and_never_less_than_none(
    authority: Authority, before: int, days: int, soon: bool
) -> None:
    found = trust.read(authority.pem.encode(), ends_at(authority) - before)

    assert (found.days_left, found.ends_soon) == (days, soon)


@pytest.mark.parametrize(
    "bundle",
    [
        b"",
        b"\xff\xfe",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_what_is_no_bundle_is_a_failed_run_and_never_a_good_one(bundle: bytes) -> None:
    with pytest.raises(MalformedError):
        trust.read(bundle, 0)


def test_the_alarm_rings_where_the_code_says_soon() -> None:
    alarm = resources("AWS::CloudWatch::Alarm")["TrustStoreEndsAlarm"]

    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (trust.WARN_DAYS, "LessThanThreshold")
    assert (alarm["Statistic"], alarm["Period"]) == ("Minimum", DAY)  # it is counted twice a day


def run(name: str = NAME, version: str = "") -> None:
    from functions.shopify_trust import app

    event, context = shapes.schedule("ShopifyTrustTwiceADay", 0), Context()
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in (("BUCKET", BUCKET), ("OBJECT", name), ("VERSION", version)):
            patch.setenv(f"TRUST_STORE_{variable}", value)
        app.lambda_handler(event, context)


class Context:
    function_name, aws_request_id = "shopify_trust", "1"


def counted(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line["TrustStoreDaysLeft"] for line in lines if "TrustStoreDaysLeft" in line]


def test_the_function_counts_the_days_of_the_object_and_of_the_version_that_is_deployed(
    authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    short = authority.issue("an old root", days=100)["certificate"]
    with mock_aws(), time_machine.travel(authority.certificate.not_valid_before_utc + timedelta(days=51), tick=False):
        s3 = botocore.session.get_session().create_client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        old = s3.put_object(Bucket=BUCKET, Key=NAME, Body=short.encode())["VersionId"]
        s3.put_object(Bucket=BUCKET, Key=NAME, Body=authority.pem.encode())

        run()
        run(version=old)
        assert counted(capsys) == [3600, 50]
        with pytest.raises(StoreUnavailableError):
            run("another.pem")
        s3.put_object(Bucket=BUCKET, Key=NAME, Body=b"x" * 2_000_000)
        with pytest.raises(StoreUnavailableError):
            run()
        assert counted(capsys) == []


def test_it_reads_the_local_clouds_own_s3(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Ministack(tmp_path)
    try:
        plane = server.wait_ready()
        plane.put_object(BUCKET, NAME, authority.pem.encode())
        monkeypatch.setenv("AWS_ENDPOINT_URL", plane.endpoint)

        run()
    finally:
        server.stop()
    assert counted(capsys)[0] >= 3648
