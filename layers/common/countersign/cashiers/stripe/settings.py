"""The fields of a Stripe account document, typed, with unusable keys refused."""

import re
from collections.abc import Mapping

from countersign.cashiers.addresses import is_safe
from countersign.documents import as_choice, as_keys, as_list, as_text
from countersign.errors import KeysUnavailableError
from countersign.signing.credentials import Secret, secret
from countersign.values import dataclass

HOST = "https://api.stripe.com"
PAGES = frozenset({"checkout.stripe.com"})
KINDS = ("sale", "refund")  # of an account that states none
HOLDS = frozenset({"authorization", "capture", "void"})  # money is held first: it must be taken or let go
ALL_KINDS = (*KINDS, *sorted(HOLDS))
_KEY = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9_]{8,255}", re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """One Stripe account; `webhook_secrets` hold the current secret first, then previous ones."""

    api_key: Secret
    webhook_secrets: tuple[Secret, ...]
    is_test: bool  # of Stripe's test mode: no money moves
    cashier_hosts: frozenset[str] = PAGES
    kinds: frozenset[str] = frozenset(KINDS)
    paid_late_policy: str = "ask"
    review_refund: str = "two_persons"
    api_base: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """Return the address that calls go to."""
        return self.api_base or HOST


def load(document: Mapping[str, object]) -> Settings:
    """Type an account document; KeysUnavailableError names the field and the reason, never the value.

    `api_key` is a secret or restricted key; `webhook_secrets` are the signing secrets of the webhook endpoint.
    """
    # https://docs.stripe.com/keys https://docs.stripe.com/webhooks#verify-official-libraries
    warnings: list[str] = []
    key = secret(as_text(document, "api_key", required=True), "api_key")
    mode = _KEY.fullmatch(key.reveal())
    if mode is None:
        raise KeysUnavailableError("api_key is no secret or restricted key of Stripe (sk_..., rk_...)")
    secrets = as_keys(document, "webhook_secrets", _webhook_secret, warnings, needed=True)
    if not secrets:
        raise KeysUnavailableError("webhook_secrets is empty: no event could be verified")
    api_base = as_text(document, "api_base").rstrip("/")
    if api_base and not is_safe(api_base):
        raise KeysUnavailableError("api_base is not an https address, or http on this machine")
    hosts = as_list(document, "cashier_hosts")
    if not all(isinstance(host, str) and _DOMAIN.fullmatch(host) for host in hosts):
        raise KeysUnavailableError("cashier_hosts holds something else than names of hosts")
    return Settings(
        api_key=key,
        webhook_secrets=secrets,
        is_test=mode[1] == "test",
        # A domain of the merchant's own, where Stripe's pages have one.
        cashier_hosts=PAGES | {str(host) for host in hosts},
        kinds=_kinds(document),
        paid_late_policy=as_choice(document, "paid_late_policy", ("ask", "refund", "keep")),
        review_refund=as_choice(document, "review_refund", ("two_persons", "one_person")),
        api_base=api_base,
        warnings=tuple(warnings),
    )


def _webhook_secret(value: object, name: str) -> Secret:
    found = secret(value, name)
    if not found.reveal().startswith("whsec_"):
        raise KeysUnavailableError(f"{name} is no signing secret of a webhook endpoint (whsec_...)")
    return found


def _kinds(document: Mapping[str, object]) -> frozenset[str]:
    given = as_list(document, "kinds") or list(KINDS)
    found = frozenset(kind for kind in given if isinstance(kind, str))
    if len(found) < len(given) or not found <= set(ALL_KINDS):
        raise KeysUnavailableError(f"kinds holds something else than {', '.join(ALL_KINDS)}")
    if found & HOLDS and not found >= HOLDS:
        raise KeysUnavailableError("kinds with one of authorization, capture and void must have all three")
    return found
