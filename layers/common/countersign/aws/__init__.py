"""AWS clients for functions that must answer within a platform's patience."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from countersign import __version__
from countersign.aws.transport import KeptConnections

MODELS = Path(__file__).parent / "models"


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    # botocore's own definitions of the operations that we call, without all others (tools/trim_models.py).
    session.register_component("data_loader", Loader([str(MODELS)], include_default_search_paths=False))
    return session


@cache
def _connections() -> KeptConnections:
    return KeptConnections()


@cache
def client(service: str) -> Any:
    """Return the container's client for `service`.

    botocore is boto3's own core; without boto3's resource layer a cold start is some 30 ms shorter. Requests go over
    kept connections of our own. Two attempts keep a hanging service inside the handler's budget of
    3.5 s; requests are built by our code alone, so botocore's parameter validation is off.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 2},
        parameter_validation=False,
        user_agent=f"countersign/{__version__}",
    )
    made: Any = _session().create_client(service, region_name=os.environ.get("AWS_REGION"), config=config)
    # botocore has no public way to hand it a transport; `before-send` would run beside what tests put there.
    made._endpoint.http_session = _connections()
    return made
