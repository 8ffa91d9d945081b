"""Every ten minutes: see whether each store still accepts the app, and make its script stand where it should."""

import os
import time
from typing import Any

from countersign.platforms.bigcommerce.apps import Apps, Stores
from countersign.platforms.bigcommerce.upkeep import Upkeep
from countersign.runtime import platform_http
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore

ENOUGH_MS = 30_000  # for one store's calls
apps = Apps()
stores = Stores(apps)
store = OrderStore.from_environment()


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Look at all stores, or those of `accounts` in the event, while there is time."""

    def enough_time() -> bool:
        return bool(context.get_remaining_time_in_millis() >= ENOUGH_MS)

    upkeep = Upkeep(apps, store, platform_http.session(), os.environ["PUBLIC_BASE_URL"], int(time.time()))
    upkeep.run(event.get("accounts") or stores.names(), enough_time)
