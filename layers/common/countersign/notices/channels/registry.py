"""The channels that there are, by what an account document says of a notice."""

from collections.abc import Callable

from countersign import aws
from countersign.notices.channels import (
    bigcommerce_payment_link,
    email,
    printer,
    recharge_dunning,
    webhook,
    wechat_message,
)
from countersign.notices.channels.port import Channel, Delivery, envelope
from countersign.notices.channels.printer import PrinterReach
from countersign.notices.dunning_mail import DunningMail
from countersign.notices.outcome import Outcome
from countersign.notices.payment_link_mail import PaymentLinkMail
from countersign.notices.receipt import PrintSettings
from countersign.notices.settings import Email, Notices
from countersign.notices.webhook import WebhookSettings
from countersign.notices.wechat_message import Message
from countersign.orders.changes import OrderKey
from countersign.runtime import platform_http, webhook_http
from countersign.store import OrderStore


def connect(store: OrderStore, notices_of: Callable[[OrderKey], Notices]) -> Channel:
    """Return what sends any notice; each channel finds its account, or its printers, by the order of the notice."""
    messengers, dunning = wechat_message.connectors(store), recharge_dunning.connectors()
    links = bigcommerce_payment_link.Desk.from_environment(store)

    def send(job: Delivery) -> Outcome:
        match job.notice.content:
            case Message() as message:
                return wechat_message.send(message, job, messengers)
            case Email() as mail:
                return email.send(mail, job, aws.client("sesv2"))
            case DunningMail() as mail_to_customer:
                return recharge_dunning.send(mail_to_customer, job, dunning, aws.client("sesv2"))
            case PaymentLinkMail() as mail_to_shopper:
                return bigcommerce_payment_link.send(mail_to_shopper, job, links, aws.client("sesv2"))
            case PrintSettings() as paper:
                reach = PrinterReach.of(job, store, platform_http.session(), notices_of(job.event.key).printers)
                return printer.send(paper, job.facts, job.memo, job.remember, reach=reach, now=job.now)
            case WebhookSettings() as target:
                return webhook.send(target, envelope(job), session=webhook_http.session(), now=job.now)
        return Outcome("failed", f"the account document: {job.notice.problem}")

    return send
