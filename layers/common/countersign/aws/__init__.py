"""AWS clients for functions that must answer within a platform's patience."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.loaders import Loader

from countersign import __version__
from countersign.aws.transport import KeptConnections, SignedTransport

MODELS = Path(__file__).parent / "models"
# SES takes its time, and what it did not answer may have been sent: nobody's patience is short there, copies are worse.
PATIENT = {"sesv2": 6.0}


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    # botocore's own definitions of the operations that we call, without all others (tools/trim_models.py).
    session.register_component("data_loader", Loader([str(MODELS)], include_default_search_paths=False))
    return session


@cache
def _connections(read_seconds: float | None) -> KeptConnections:
    return KeptConnections(read_seconds)


@cache
def client(service: str) -> Any:
    """Return the container's client for `service`.

    botocore is boto3's own core; without boto3's resource layer a cold start is some 30 ms shorter. Requests are signed
    and sent by `transport`. The store repeats its calls itself, other services get a second attempt, so that one that
    hangs stays inside the handler's 3.5 s. Requests are built by our code alone: botocore need not check their shape.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1 if service == "dynamodb" or service in PATIENT else 2},
        parameter_validation=False,
        signature_version=UNSIGNED,
        user_agent=f"countersign/{__version__}",
    )
    session = _session()
    made: Any = session.create_client(service, region_name=os.environ.get("AWS_REGION"), config=config)
    # botocore has no public way to hand it a transport; `before-send` would run beside what tests put there. Without
    # its rules it sends every request to the client's own end point, instead of working it out each time.
    made._ruleset_resolver = None
    made._endpoint.http_session = SignedTransport(
        _connections(PATIENT.get(service)),
        session.get_credentials(),
        region=made.meta.region_name,
        service=made.meta.service_model.signing_name,
    )
    return made
