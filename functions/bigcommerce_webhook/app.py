"""POST /bigcommerce/{app}/webhook: take what BigCommerce delivers about a store's orders as a reason to read them."""

import time

from countersign.errors import InvalidSignatureError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import messages, replies, signing, translate
from countersign.platforms.bigcommerce.apps import Apps
from countersign.platforms.bigcommerce.settings import Store
from countersign.platforms.bigcommerce.signing import VerifiedMessage
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import entrypoint
from countersign.runtime.telemetry import count
from countersign.store import OrderStore, throttle

SIGNED_FOR = 90 * 86400  # a store whose deliveries were seen signed is known by signatures alone from then on
UNSIGNED = "unsigned"

apps = Apps()
store = OrderStore.from_environment()
signing_stores: dict[str, float] = {}  # by when this container noted it


@entrypoint(refused=replies.refused, counted="BigcommerceRefused")
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, see whose it is, record, acknowledge; what no retry could mend is acknowledged too."""
    name = request.path_parameters["app"]
    app = apps.load(name)
    signed = signing.is_signed(request)
    genuine = signing.verify(request, app, now=now) if signed else signing.read(request.body, "hook_token")
    store_hash = messages.store_of(genuine.fields)
    installed = apps.store(name, store_hash) if store_hash else None
    if not signed:
        _require_header(request, installed, now)
    if installed is None and not genuine.problem:
        count("StoreUnknown")
        return replies.accepted()
    if signed and installed is not None:
        _note_signed(installed, now)
    _record(genuine, installed.store_hash if installed is not None else f"~{name}", now)
    return replies.accepted()


def _record(genuine: VerifiedMessage, account: str, now: int) -> None:
    callbacks.record(
        store,
        lambda: translate.to_changes(genuine),
        genuine,
        platform=translate.PLATFORM,
        account=account,
        raw=genuine.body,
        now=now,
        order_id=lambda: messages.order_of(genuine.fields),
        source="webhook",
    )


def _require_header(request: HttpRequest, installed: Store | None, now: int) -> None:
    """Raise InvalidSignatureError unless an unsigned delivery may be believed to come from a store's hook."""
    if installed is None:
        raise InvalidSignatureError("an unsigned delivery names no store of the app")
    signing.verify_header(request, installed)
    if installed.webhook_mode == "either" and now < throttle.cooling_until(
        store.client, store.table, translate.PLATFORM, installed.store_hash, UNSIGNED
    ):
        raise InvalidSignatureError("the store's deliveries are signed since one was")


def _note_signed(installed: Store, now: int) -> None:
    """Note, once in a container's hour, that a store's deliveries are signed."""
    noted = signing_stores.get(installed.store_hash)
    if installed.webhook_mode != "either" or (noted is not None and time.monotonic() - noted < 3600):
        return
    signing_stores[installed.store_hash] = time.monotonic()
    throttle.cool_down(
        store.client, store.table, translate.PLATFORM, installed.store_hash, UNSIGNED, until=now + SIGNED_FOR
    )
