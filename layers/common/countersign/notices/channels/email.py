"""Send a notice as an e-mail through SES."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from countersign.notices import content
from countersign.notices.channels.port import Delivery
from countersign.notices.outcome import Outcome
from countersign.notices.settings import Email

MAX_SUBJECT = 150
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html; reasons are ours: SES names addresses.
REFUSALS = {
    "AccessDeniedException": "the stack may not send from this address: see the parameter NoticeMailDomain",
    "AccountSuspendedException": "SES has suspended the AWS account",
    "BadRequestException": "SES does not take this e-mail",
    "MailFromDomainNotVerifiedException": "the MAIL FROM domain is not verified at SES",
    "MessageRejected": "SES rejected it: the sender, or in SES's sandbox a recipient, is not verified",
    "NotFoundException": "SES does not know the sender",
}


def send(email: Email, job: Delivery, client: Any) -> Outcome:
    """Send once; after any doubt it is sent again, for a second copy does less harm than none."""
    values = content.values(job.facts)
    subject, text = content.fill(email.subject, values), content.fill(email.text, values)
    return post(client, sender=email.sender, to=email.to, subject=subject, text=text)


def post(client: Any, *, sender: str, to: tuple[str, ...], subject: str, text: str) -> Outcome:
    """Give one e-mail of plain text to SES; the subject is one line, and cut."""
    subject = " ".join(subject.split())[:MAX_SUBJECT]
    try:
        client.send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": list(to)},
            Content={"Simple": {"Subject": _utf8(subject), "Body": {"Text": _utf8(text)}}},
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in REFUSALS:
            return Outcome("failed", REFUSALS[code])
        return Outcome("again", f"SES answered {code}")
    except BotoCoreError as error:
        return Outcome("again", f"SES does not answer: {type(error).__name__}")
    return Outcome("sent")


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
