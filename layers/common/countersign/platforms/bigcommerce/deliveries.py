"""What becomes of a delivery about a store: whose it is, whether it may be believed, and what is recorded of it."""

import time
from dataclasses import field

from countersign.errors import InvalidSignatureError
from countersign.http import HttpRequest
from countersign.platforms.bigcommerce import messages, signing, translate
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.settings import App, Store
from countersign.platforms.bigcommerce.signing import VerifiedMessage
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count
from countersign.store import OrderStore, throttle
from countersign.values import dataclass

SIGNED_FOR = 90 * 86400  # a store whose deliveries were seen signed is known by signatures alone from then on
NOTED_FOR = 3600  # a container notes that once in so many seconds
UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The deliveries of apps, each a reason to read an order; told again, nothing changes."""

    apps: Apps
    store: OrderStore
    noted: dict[str, float] = field(default_factory=dict)  # by when this container noted that a store's are signed

    def take(self, name: str, app: App, request: HttpRequest, *, now: int) -> None:
        """Take one; of a store that is not known here it is counted and left.

        Raises InvalidSignatureError (401) for one that may not be believed, and what `callbacks.record` raises.
        """
        signed = signing.is_signed(request)
        genuine = signing.verify(request, app, now=now) if signed else signing.read(request.body, "hook_token")
        store_hash = messages.store_of(genuine.fields)
        installed = self.apps.store(name, store_hash) if store_hash else None
        if not signed:
            self._require_header(request, installed, now)
        if installed is None and not genuine.problem:
            count("StoreUnknown")
            return
        if signed and installed is not None:
            self._note_signed(installed, now)
        self._record(genuine, installed.store_hash if installed is not None else f"~{name}", now)

    def _record(self, genuine: VerifiedMessage, account: str, now: int) -> None:
        callbacks.record(
            self.store,
            lambda: translate.to_changes(genuine),
            genuine,
            platform=translate.PLATFORM,
            account=account,
            raw=genuine.body,
            now=now,
            order_id=lambda: messages.order_of(genuine.fields),
            source="webhook",
        )

    def _require_header(self, request: HttpRequest, installed: Store | None, now: int) -> None:
        """Raise InvalidSignatureError unless an unsigned delivery may be believed to come from a store's hook."""
        if installed is None:
            raise InvalidSignatureError("an unsigned delivery names no store of the app")
        signing.verify_header(request, installed)
        if installed.webhook_mode == "either" and now < throttle.cooling_until(
            self.store.client, self.store.table, translate.PLATFORM, installed.store_hash, UNSIGNED
        ):
            raise InvalidSignatureError("the store's deliveries are signed since one was")

    def _note_signed(self, installed: Store, now: int) -> None:
        """Note, once in a container's hour, that a store's deliveries are signed."""
        noted = self.noted.get(installed.store_hash)
        if installed.webhook_mode != "either" or (noted is not None and time.monotonic() - noted < NOTED_FOR):
            return
        self.noted[installed.store_hash] = time.monotonic()
        throttle.cool_down(
            self.store.client,
            self.store.table,
            translate.PLATFORM,
            installed.store_hash,
            UNSIGNED,
            until=now + SIGNED_FOR,
        )
