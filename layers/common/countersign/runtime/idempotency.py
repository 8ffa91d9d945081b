"""Replay the same answer for the same Idempotency-Key, through Powertools Idempotency."""

import json
import os
from collections.abc import Callable, Collection
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from botocore.config import Config

from countersign.errors import InProgressError, MalformedError, StoreUnavailableError, UnprocessableError
from countersign.http import HttpRequest, read_json
from countersign.signing import digests

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

Answer = tuple[int, dict[str, Any]]
MAX_KEY = 255
IN_PROGRESS_MS = 30_000  # longer than the function's own time-out: a killed call is over by then


class _Deadline:
    """When a call that never ended may be repeated: Powertools asks the Lambda context for it."""

    def get_remaining_time_in_millis(self) -> int:
        return IN_PROGRESS_MS


@cache
def _layer(_lifetime: int) -> DynamoDBPersistenceLayer:
    # One layer for each lifetime: a layer keeps the first configuration that it is given.
    config = Config(connect_timeout=0.5, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
    return DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE_NAME"], boto_config=config)


def once(
    action: Callable[[], Answer],
    request: HttpRequest,
    *,
    account: str,
    subject: str,
    lifetime: int,
    personal: Collection[str] = (),
) -> Answer:
    """Run `action` once for each Idempotency-Key of a caller and replay its answer for `lifetime` seconds.

    The table keeps a plain digest of the body, from which a phone number is soon guessed: the `personal` members of
    the body are left out of it, so another value of one is the same call again.

    Without the header the action runs as it is. Raises InProgressError while the first call still runs and
    UnprocessableError where the key comes again with another body. An action that raises is not stored.
    """
    header = request.header("idempotency-key")
    if not header:
        return action()
    if len(header) > MAX_KEY or not header.isprintable():
        raise MalformedError("Idempotency-Key is not 1 to 255 printable characters")
    config = IdempotencyConfig(
        event_key_jmespath="key",
        payload_validation_jmespath="body",
        hash_function="sha256",
        expires_after_seconds=lifetime,
        raise_on_no_idempotency_key=True,
        lambda_context=cast("LambdaContext", _Deadline()),
    )
    scope = [account, subject, f"{request.method} {request.path}", header]
    body = read_json(request.body)
    compared = {name: of for name, of in body.items() if name not in personal} if isinstance(body, dict) else body
    envelope = {
        "key": digests.sha256(json.dumps(scope).encode()),
        "body": json.dumps(compared, sort_keys=True),
    }

    def run(*, envelope: dict[str, str]) -> list[Any]:
        return list(action())

    guarded = idempotent_function(
        run, data_keyword_argument="envelope", persistence_store=_layer(lifetime), config=config, key_prefix="create"
    )
    try:
        status, content = guarded(envelope=envelope)
    except IdempotencyAlreadyInProgressError:
        raise InProgressError("the first call with this Idempotency-Key still runs") from None
    except IdempotencyValidationError:
        raise UnprocessableError("this Idempotency-Key was used with another body") from None
    except (IdempotencyInconsistentStateError, IdempotencyPersistenceLayerError) as error:
        raise StoreUnavailableError("the idempotency table does not answer") from error
    return int(status), content
