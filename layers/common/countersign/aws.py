"""AWS clients for functions that must answer within a platform's patience."""

import os
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

from countersign import __version__


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def client(service: str, *, read_timeout: float = 1.0) -> Any:
    """Return the container's client for `service`.

    botocore is boto3's own core; without boto3's resource layer a cold start is some 30 ms shorter. Time-outs and two
    attempts keep a hanging service inside the handler's budget of 3.5 s; requests are built by our code alone, so
    botocore's parameter validation is off.
    """
    config = Config(
        connect_timeout=0.5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 2},
        parameter_validation=False,
        user_agent=f"countersign/{__version__}",
        tcp_keepalive=True,
    )
    return _session().create_client(service, region_name=os.environ.get("AWS_REGION"), config=config)
