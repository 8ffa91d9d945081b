"""Objects of S3, whole and small, for functions that nobody waits for.

Our own clients speak AWS's JSON protocols alone (`aws`), and S3 has another one: botocore does it all by itself here,
with the definitions that the Lambda runtime brings.
"""

import os
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from countersign.errors import StoreUnavailableError

MOST_BYTES = 1024 * 1024


def read(bucket: str, name: str, version: str = "") -> bytes:
    """Return an object's bytes, of one version where it is named; raises StoreUnavailableError where it has none."""
    wanted = {"Bucket": bucket, "Key": name} | ({"VersionId": version} if version else {})
    try:
        content: bytes = _client().get_object(**wanted)["Body"].read(MOST_BYTES + 1)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailableError(f"an object could not be read: {type(error).__name__}: {_code(error)}") from None
    if len(content) > MOST_BYTES:
        raise StoreUnavailableError("an object is larger than what is read of one")
    return content


def _client() -> Any:
    retries: Any = {"mode": "standard", "total_max_attempts": 4}
    config = Config(retries=retries, connect_timeout=3, read_timeout=5)
    return botocore.session.get_session().create_client("s3", region_name=os.environ.get("AWS_REGION"), config=config)


def _code(error: Exception) -> str:
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""
