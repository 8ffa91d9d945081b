"""What every test stands on: a function's environment with throwaway values, and a wall around loopback."""

import gc
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import botocore.client
import pytest
from hypothesis import HealthCheck, settings

from sandbox import calls, parent_watch

# Hypothesis judges by the wall's clock otherwise, which other processes share.
settings.register_profile("countersign", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("countersign")

# A killed `make test` leaves no process: pytest ends with make, its workers end with pytest, sandboxes with either.
parent_watch.end_with_starter()
if "PYTEST_XDIST_WORKER" in os.environ:
    parent_watch.end_with(os.getppid())

# Hundreds of processes are started here: each would compile all of its modules anew where byte code is forbidden.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Functions read names from their environment when they are imported, so these come before any test module.
for profile in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
    os.environ.pop(profile, None)
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    STAGE="test",
    TABLE_NAME="Orders",
    IDEMPOTENCY_TABLE_NAME="Idempotency",
    EVENT_BUS_NAME="countersign-test",
    PUBLIC_BASE_URL="https://pay.example.com",
    POLL_QUEUE_URL="https://sqs.us-east-1.amazonaws.com/000000000000/poll",
    SHOPPER_BASE_URL="https://pay.example.com",
    WECHAT_POLL_QUEUE_URL="https://sqs.us-east-1.amazonaws.com/000000000000/wechat-poll",
    CHARGES_PLATFORM="recharge",
    BILLS_PLATFORMS="wechat,douyin",
    SHOPIFY_EVENTS_APP="app",
    TRUSTED_WEBHOOK_ORIGINS="http://127.0.0.1:1",
    POWERTOOLS_SERVICE_NAME="countersign-test",
    POWERTOOLS_METRICS_NAMESPACE="Countersign",
    POWERTOOLS_LOG_LEVEL="INFO",
)


# With SANDBOX_CALLS, what functions ask of AWS in this process is written down too (see sandbox/calls.py).
calls.watch(botocore.client, calls.function_on_the_stack)


def pytest_collection_finish() -> None:
    """Let no collection of garbage look through twelve thousand tests again: they stay until the end."""
    gc.collect()
    gc.freeze()


class OutsideLoopbackError(RuntimeError):
    """A test reached for another machine; no library may take this for a network error and try again."""


def _is_loopback(host: Any) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _no_test_leaves_this_machine() -> Iterator[None]:
    """Refuse every connection, datagram and name look-up that goes beyond loopback, and every bind to the outside."""

    def guarded(original: Any) -> Any:
        def call(self: socket.socket, *args: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(args[-1][0]):
                raise OutsideLoopbackError(f"a test used {args[-1][0]}")
            return original(self, *args)

        return call

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        if not _is_loopback(host):
            raise OutsideLoopbackError(f"a test looked up {host}")
        return getaddrinfo(host, *args, **options)

    getaddrinfo = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", look_up)
        yield
