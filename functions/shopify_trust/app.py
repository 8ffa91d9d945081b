"""Twice a day: say for how many days the certificates are good that the payments app's door believes Shopify by."""

import os
import time
from typing import Any

from countersign.platforms.shopify import trust
from countersign.runtime import objects
from countersign.runtime.telemetry import count, invocation, logger


@invocation
def lambda_handler(_event: dict[str, Any], _context: Any) -> None:
    """Read the bundle and count its days; one that cannot be read is a failed run, which has an alarm of its own."""
    bucket, name = os.environ["TRUST_STORE_BUCKET"], os.environ["TRUST_STORE_OBJECT"]
    found = trust.read(objects.read(bucket, name, os.environ["TRUST_STORE_VERSION"]), int(time.time()))
    count("TrustStoreDaysLeft", found.days_left)
    said = {"days": found.days_left, "first": found.subject, "certificates": found.certificates}
    if found.ends_soon:
        logger.error("the payments app's trust store ends soon: Shopify's next chain has to be deployed", extra=said)
    else:
        logger.info("the payments app's trust store is good", extra=said)
