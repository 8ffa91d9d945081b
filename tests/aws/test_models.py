"""The trimmed models are what the installed botocore says about our operations."""

import json

import botocore.session
import pytest

from countersign import aws
from tools import trim_models


@pytest.mark.locked
@pytest.mark.parametrize("path", sorted(trim_models.files()))
def test_a_trimmed_file_is_what_the_installed_botocore_says(path):
    committed = json.loads((trim_models.TARGET / path).read_text(encoding="utf-8"))

    assert committed == json.loads(json.dumps(trim_models.files()[path]))


@pytest.mark.parametrize(
    ("service", "region"),
    [("dynamodb", "cn-north-1"), ("sqs", "eu-central-1"), ("secretsmanager", "us-gov-west-1"), ("sesv2", "eu-west-1")],
)
def test_a_client_of_trimmed_models_calls_the_same_end_point(service, region, monkeypatch):
    monkeypatch.setenv("AWS_REGION", region)
    plain = botocore.session.get_session().create_client(service, region_name=region)

    assert aws.client.__wrapped__(service).meta.endpoint_url == plain.meta.endpoint_url
