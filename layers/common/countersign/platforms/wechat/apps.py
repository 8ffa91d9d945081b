"""Reach the apps of a WeChat account: its mini program and its mini store, each with one token for all processes."""

from collections.abc import Callable

from countersign.errors import KeysUnavailableError
from countersign.platforms.wechat.miniprogram import MiniProgram, fetch_token
from countersign.platforms.wechat.settings import Settings
from countersign.runtime import platform_http
from countersign.signing.credentials import Secret
from countersign.store import OrderStore
from countersign.store.tokens import SharedToken

Now = Callable[[], int]


def mini_program(settings: Settings, store: OrderStore, *, now: Now) -> MiniProgram:
    """Return the mini program in which the account's payers pay."""
    return _app(settings, settings.payer_appid, settings.mini_program_secret, store, now)


def mini_store(settings: Settings, store: OrderStore, *, now: Now) -> MiniProgram:
    """Return the account's mini store; raises KeysUnavailableError where the document names none."""
    if settings.store is None:
        raise KeysUnavailableError("store is missing: the account has no mini store")
    return _app(settings, settings.store.appid, settings.store.secret, store, now)


def _app(settings: Settings, appid: str, secret: Secret | None, store: OrderStore, now: Now) -> MiniProgram:
    session = platform_http.session()

    def fetch() -> tuple[str, int]:
        return fetch_token(session, settings, appid, secret)

    token = SharedToken(store.client, store.table, platform="wechat", app=appid, fetch=fetch, now=now)
    return MiniProgram(session, settings, token)
