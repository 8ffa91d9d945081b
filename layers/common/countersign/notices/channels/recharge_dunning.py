"""Write to a customer whose charge at Recharge failed, once it is certain that there is still something to do."""

from typing import Any

from countersign.accounts import Accounts
from countersign.notices import content, dunning_mail
from countersign.notices.channels import email
from countersign.notices.channels.port import Delivery
from countersign.notices.dunning_mail import DunningMail
from countersign.notices.outcome import Outcome
from countersign.orders.charges import CUSTOMER, charge_of
from countersign.platforms.port import Connectors
from countersign.platforms.recharge import connector, settings
from countersign.platforms.recharge.connector import Connector
from countersign.store import codec


def connectors() -> Connectors[Connector]:
    """Return the connectors of all accounts whose customers can be written to: those of Recharge."""
    return Connectors(Accounts("recharge", settings.load), connector.connect)


def send(mail: DunningMail, job: Delivery, stores: Connectors[Connector], client: Any) -> Outcome:
    """Write once for each try; the charge and the address are read just before, and no row holds the address.

    Nobody is written to about a charge that was paid, or tried again, since; nor where nobody here knows that it is the
    customer who must act.
    """
    order = job.facts.order
    charge = charge_of(order) if order is not None else None
    if order is None or charge is None or job.facts.key.platform != stores.accounts.platform:
        return Outcome("failed", "it is about no charge of a platform whose customers can be written to")
    if order.status != "failed" or _tried_since(job, charge.attempts):
        return Outcome("skipped", "the charge was paid, ended or tried again since")
    if charge.group != CUSTOMER:
        return Outcome("skipped", "it is not the customer who must act")
    now = stores(job.facts.key.account).read(order.key.order_id)
    if now is None or now.status != "error" or (now.attempts or 0) > charge.attempts:
        return Outcome("skipped", "the charge was paid, ended or tried again since")
    if not now.email:
        return Outcome("failed", "the platform has no e-mail address of the customer")
    subject, text = dunning_mail.words(mail, content.values(job.facts), now.portal_hash)
    return email.post(client, sender=mail.sender, to=(now.email,), subject=subject, text=text)


def _tried_since(job: Delivery, attempts: int) -> bool:
    """Tell whether the charge was tried again since the try of which the event tells."""
    for item in job.history.events if job.history is not None else ():
        if codec.event_id(item) == job.event.event_id:
            fact = codec.read_change(item, job.facts.key).fact
            told = [attempt.number for attempt in getattr(fact, "attempts", ())]
            return bool(told) and attempts > max(told)
    return False
