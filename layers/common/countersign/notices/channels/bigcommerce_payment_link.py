"""Write to a shopper whose order in a BigCommerce store still waits for its payment, with a link that pays it."""

import os
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlsplit

from countersign.cashiers import attempts
from countersign.notices import content, payment_link_mail
from countersign.notices.channels import email
from countersign.notices.channels.port import Delivery
from countersign.notices.outcome import Outcome
from countersign.notices.payment_link_mail import PaymentLinkMail
from countersign.orders.changes import OrderKey
from countersign.platforms.bigcommerce import connector, proof
from countersign.platforms.bigcommerce.apps import Apps, Installation
from countersign.platforms.bigcommerce.translate import PLATFORM
from countersign.store import OrderStore
from countersign.store.installs import InstallStore
from countersign.store.journal import Who
from countersign.store.payment_links import USUAL_SECONDS, PaymentLinks

BY_POLICY = Who("policy", "")
OURS = "link"  # what is remembered before the link is made: a link that is there then may be our own


@dataclass(frozen=True, slots=True)
class Desk:
    """What a link is made with: the stores of all apps, and where links begin."""

    store: OrderStore
    apps: Apps
    links: PaymentLinks
    base_url: str

    @classmethod
    def from_environment(cls, store: OrderStore) -> Self:
        """Return the desk that the function's environment describes."""
        links = PaymentLinks(store.client, store.table, os.environ["IDEMPOTENCY_TABLE_NAME"])
        return cls(store, Apps(), links, os.environ["SHOPPER_BASE_URL"])

    def installation(self, key: OrderKey) -> Installation | None:
        """Return the store of an order with the app that is installed there; None where its API cannot be called."""
        app = InstallStore(self.store.client, self.store.table, PLATFORM).state(key.account).app
        found = self.apps.store(app, key.account) if app else None
        return Installation(app, self.apps.load(app), found) if found is not None and found.is_active else None


def send(mail: PaymentLinkMail, job: Delivery, desk: Desk, client: Any) -> Outcome:
    """Write once for each order; the order and the address are read just before, and no row holds the address.

    Nobody is written to about an order that was paid, ended or is being paid, nor where a link of it is in somebody's
    hands: a new one would end that.
    """
    order, key = job.facts.order, job.facts.key
    if order is None or key.platform != PLATFORM:
        return Outcome("failed", "it is about no order that a link pays")
    if not order.waits_for_payer or order.paid:
        return Outcome("skipped", "the order was paid, or has ended")
    if any(one.payment is not None or one.status not in ("closed", "failed") for one in attempts.of(desk.store, key)):
        return Outcome("skipped", "a payment of it is under way")
    installed = desk.installation(key)
    if installed is None:
        return Outcome("failed", "the app is not installed in the store, or must be authorised again")
    found = connector.connect(key.account, installed, store=desk.store).read(key.order_id)
    rules = replace(installed.rules, max_age_seconds=proof.ANY_AGE)
    if found is None or found.due is None or proof.unfit(found, rules, now=job.now) is not None:
        return Outcome("skipped", "the store says that the order can not be paid any more")
    if not found.email:
        return Outcome("failed", "the store has no e-mail address of the shopper")
    if OURS not in job.memo:
        if desk.links.lives(key, now=job.now):
            return Outcome("skipped", "a payment link of it was made already")
        job.remember({**job.memo, OURS: "made"})
    token, _ = desk.links.make(key, installed.name, BY_POLICY, expires_at=job.now + USUAL_SECONDS, now=job.now)
    shop = urlsplit(min(installed.rules.allowed_origins, default="")).hostname or key.account
    subject, text = payment_link_mail.words(
        mail,
        order_id=key.order_id,
        shop=shop,
        amount=content.money(found.due),
        link=f"{desk.base_url}/{PLATFORM}/{installed.name}/pay/{token}",
    )
    outcome = email.post(client, sender=mail.sender, to=(found.email,), subject=subject, text=text)
    if outcome.state == "failed":
        desk.links.end(key, now=job.now)  # nobody has it
    return outcome
