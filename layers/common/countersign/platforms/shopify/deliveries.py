"""What becomes of a genuine delivery, by whichever road it came: it is recorded, a reason to ask, or left."""

from collections.abc import Callable, Iterable

from countersign.orders.changes import AccountNews, OrderKey
from countersign.platforms.shopify import messages, translate
from countersign.platforms.shopify.apps import Apps
from countersign.platforms.shopify.settings import App, Shop
from countersign.platforms.shopify.signing import VerifiedMessage
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore
from countersign.values import dataclass


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The deliveries of apps; told again, nothing changes."""

    apps: Apps
    store: OrderStore

    def take(self, name: str, app: App, genuine: VerifiedMessage, *, now: int, addressed: bool = False) -> None:
        """Take one; of a shop that is not known here it is counted and left.

        `addressed` says that the road itself proves for whom it is (the app's own event bus); by HTTPS the shop's
        name stands in a header that nobody signed, so only the signed bytes say whose it is.
        """
        shop = self.apps.shop(name, app, genuine.shop)
        if shop is None and (shop := self.apps.renamed(name, app, genuine.shop_id)) is not None:
            count("ShopRenamed")
            logger.warning("a shop has another name than its document", extra={"account": shop.shop})
        if shop is None:
            count("ShopUnknown")
            return
        if genuine.api_version not in ("", app.api_version):
            count("ApiVersionDiffers")
        if genuine.shop_id and shop.shop_id and genuine.shop_id != shop.shop_id:
            count("ShopMismatch")
            logger.error("a delivery came under another shop's name than the one that its signed bytes name")
            self._record(lambda: AccountNews("foreign"), genuine, f"~{name}", now)
        elif (wanted := translate.redaction(genuine, shop.shop_id)) is not None:
            word, orders = wanted
            if_gone = word == translate.SHOP_GONE and _can_be_asked(app, shop)
            whose = {"platform": translate.PLATFORM, "account": shop.shop}
            callbacks.erase_later(self.store, genuine, word, orders, **whose, now=now, if_gone=if_gone)
            if if_gone:
                self._note_doubt(shop, translate.UNINSTALLED, now)
        elif not self._ask(genuine, shop, now):
            self._tell(genuine, app, shop, now, addressed=addressed)
            self._doubt(genuine, shop, now)

    def _ask(self, genuine: VerifiedMessage, shop: Shop, now: int) -> bool:
        """Have a person answer what a customer wants to know; whether that is what the delivery is."""
        asked = translate.data_request(genuine, shop.shop_id)
        if asked is not None:
            callbacks.ask_a_person(
                self.store,
                genuine,
                *asked,
                platform=translate.PLATFORM,
                account=shop.shop,
                due_by=now + translate.ANSWER_SECONDS,
                raw=genuine.body,
                now=now,
            )
        return asked is not None

    def _tell(self, genuine: VerifiedMessage, app: App, shop: Shop, now: int, *, addressed: bool) -> None:
        """Record what is told of an order; of what may not be the shop's, so much as the shop may be asked about.

        What is more is left: who reads the shop's list finds it there, if it is the shop's.
        """
        ours = addressed or self._is_of(genuine, shop)
        if not ours and messages.order_of(genuine.fields) and not self._may_ask(shop, now):
            count("HintLimited")
            return
        said = translate.said_of(genuine, app.lookup_from) if ours else set()
        self._record(lambda: translate.to_changes(genuine, shop.shop, ours=ours), genuine, shop.shop, now, said)

    def _doubt(self, genuine: VerifiedMessage, shop: Shop, now: int) -> None:
        """Note what says that the app is gone or may do other things: nobody signed when, so the shop is asked."""
        if (why := translate.doubt(genuine)) is not None:
            self._note_doubt(shop, why, now)

    def _note_doubt(self, shop: Shop, why: str, now: int) -> None:
        from countersign.store.authorizations import AuthorizationStore

        AuthorizationStore(self.store.client, self.store.table, translate.PLATFORM).doubt(shop.shop, why, now=now)

    def _may_ask(self, shop: Shop, now: int) -> bool:
        from countersign.store.throttle import count_hint

        return count_hint(self.store.client, self.store.table, platform=translate.PLATFORM, account=shop.shop, now=now)

    def _record(
        self,
        translated: Callable[[], translate.Told],
        genuine: VerifiedMessage,
        account: str,
        now: int,
        said: Iterable[str] = (),
    ) -> None:
        callbacks.record(
            self.store,
            translated,
            genuine,
            platform=translate.PLATFORM,
            account=account,
            raw=genuine.body,
            now=now,
            order_id=lambda: messages.order_of(genuine.fields),
            source="webhook",
            said=said,
        )

    def _is_of(self, genuine: VerifiedMessage, shop: Shop) -> bool:
        """Tell whether the signed bytes name the shop, or an order that it is known to have."""
        if genuine.shop_id:
            return genuine.shop_id == shop.shop_id
        order_id = messages.order_of(genuine.fields)
        return bool(order_id) and self.store.get(OrderKey(translate.PLATFORM, shop.shop, order_id)) is not None


def _can_be_asked(app: App, shop: Shop) -> bool:
    """Tell whether there is, or was, a token by which the shop says whether the app is there."""
    return bool(shop.grant or shop.access_token or shop.refresh_token) or app.install == "client_credentials"
