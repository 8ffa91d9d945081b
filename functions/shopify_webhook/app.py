"""POST /shopify/{app}/webhook: take what Shopify delivers about a shop's orders into the order record."""

from collections.abc import Callable

from countersign.http import HttpReply, HttpRequest
from countersign.orders.changes import AccountNews, OrderKey
from countersign.platforms.shopify import messages, replies, signing, translate
from countersign.platforms.shopify.apps import Apps
from countersign.platforms.shopify.settings import Shop
from countersign.platforms.shopify.signing import VerifiedMessage
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import entrypoint
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore

LIMIT = 2 * 1024 * 1024  # an order of some thousand lines has one megabyte

apps = Apps()
store = OrderStore.from_environment()


@entrypoint(refused=replies.refused, limit=LIMIT)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, see which shop the signed bytes name, translate, record, acknowledge; told again, nothing changes.

    What Shopify made is acknowledged whatever it is about: eight failures would end the subscription.
    """
    name = request.path_parameters["app"]
    app = apps.load(name)
    genuine = signing.verify(request, app)
    shop = apps.shop(name, app, genuine.shop)
    if shop is None and (shop := apps.renamed(app, genuine.shop_id)) is not None:
        count("ShopRenamed")
        logger.warning("a shop has another name than its document", extra={"account": shop.shop})
    if shop is None:
        count("ShopUnknown")
        return replies.accepted()
    if genuine.api_version not in ("", app.api_version):
        count("ApiVersionDiffers")
    if genuine.shop_id and shop.shop_id and genuine.shop_id != shop.shop_id:
        count("ShopMismatch")
        logger.error("a delivery came under another shop's name than the one that its signed bytes name")
        foreign = AccountNews("foreign")
        _record(lambda: foreign, genuine, f"~{name}", now)
    elif (wanted := translate.redaction(genuine, shop.shop_id)) is not None:
        callbacks.erase_later(store, genuine, *wanted, platform=translate.PLATFORM, account=shop.shop, now=now)
    else:
        if (asked := translate.data_request(genuine, shop.shop_id)) is not None:
            callbacks.ask_a_person(
                store,
                genuine,
                *asked,
                platform=translate.PLATFORM,
                account=shop.shop,
                due_by=now + translate.ANSWER_SECONDS,
                now=now,
            )
        _tell(genuine, shop, now)
    return replies.accepted()


def _tell(genuine: VerifiedMessage, shop: Shop, now: int) -> None:
    """Record what is told of an order; of what is not known to be the shop's, so much as the shop may be asked about.

    What is more is left: who reads the shop's list finds it there, if it is the shop's.
    """
    ours = _is_of(genuine, shop)
    if not ours and messages.order_of(genuine.fields) and not _may_ask(shop, now):
        count("HintLimited")
        return
    _record(lambda: translate.to_changes(genuine, shop.shop, ours=ours), genuine, shop.shop, now)


def _may_ask(shop: Shop, now: int) -> bool:
    from countersign.store.throttle import count_hint

    return count_hint(store.client, store.table, platform=translate.PLATFORM, account=shop.shop, now=now)


def _record(translated: Callable[[], translate.Told], genuine: VerifiedMessage, account: str, now: int) -> None:
    callbacks.record(
        store,
        translated,
        genuine,
        platform=translate.PLATFORM,
        account=account,
        raw=genuine.body,
        now=now,
        order_id=lambda: messages.order_of(genuine.fields),
        source="webhook",
    )


def _is_of(genuine: VerifiedMessage, shop: Shop) -> bool:
    """Tell whether a delivery is of a shop: its signed bytes name it, or an order that the shop is known to have."""
    if genuine.shop_id:
        return genuine.shop_id == shop.shop_id
    order_id = messages.order_of(genuine.fields)
    return bool(order_id) and store.get(OrderKey(translate.PLATFORM, shop.shop, order_id)) is not None
