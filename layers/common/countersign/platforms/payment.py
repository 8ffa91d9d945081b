"""What a call to create a payment is, and what is asked of a platform: `platforms/<name>/create_payment.py` answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from countersign import texts
from countersign.errors import MalformedError
from countersign.http import read_json
from countersign.orders.changes import Terms
from countersign.orders.state import Order
from countersign.platforms.port import Closes
from countersign.signing.lookups import MAX_CHARACTERS

Model = TypeVar("Model", bound=BaseModel)


def _address(given: str) -> str:
    try:
        return str(ip_address(given))
    except ValueError:
        raise ValueError("no IP address") from None  # the library's own text repeats what was given


ClientIp = Annotated[str, Field(max_length=45, pattern=r"^[0-9A-Fa-f:.]+$"), AfterValidator(_address)]
# What the order is found by later (a phone number, a table), kept only as an HMAC, and no part of its terms.
Lookup = Annotated[list[Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]], Field(max_length=5)]


class Body(BaseModel):
    """A body or a part of one: fields of exactly the declared types, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def read_body(model: type[Model], body: bytes) -> Model:
    """Read a body; raises MalformedError naming the fields that do not fit, never their values.

    So it does where it is no JSON object, or holds a character that nobody can read or send on: what would be refused
    at any platform alike is 400, what this platform or account does not take is 422.
    """
    content = read_json(body)
    if not isinstance(content, dict):
        raise MalformedError("the body is not a JSON object")
    _require_readable(content)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in error.errors())
        raise MalformedError(wrong) from None


def _require_readable(content: object, field: str = "the body") -> None:
    """Raise MalformedError naming a text with control characters; only metadata may have several lines."""
    if isinstance(content, str):
        try:
            (texts.lines if field.startswith("metadata.") else texts.one_line)(content)
        except ValueError as error:
            raise MalformedError(f"{field}: {error}") from None
    elif isinstance(content, dict):
        for name, value in content.items():
            _require_readable(name, f"a name in {field}")
            _require_readable(value, name if field == "the body" else f"{field}.{name}")
    elif isinstance(content, list):
        for index, value in enumerate(content):
            _require_readable(value, f"{field}.{index}")


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, for which account of which platform, from where (`base_url` is ours) and when (epoch seconds)."""

    platform: str
    account: str
    settings: Any  # the platform's own
    subject: str
    base_url: str
    source_ip: str
    now: int

    @property
    def notify_url(self) -> str:
        """Return the address of the account's callbacks without its last part, which is the platform's."""
        return f"{self.base_url}/{self.platform}/{self.account}"


class PreparedPayment(Protocol):
    """What the platform answered."""

    @property
    def client(self) -> Mapping[str, Any]:
        """Return exactly what the front end passes on."""

    @property
    def order_id(self) -> str:
        """Return the platform's own number of the order; empty where it names none yet."""

    @property
    def handle(self) -> str:
        """Return what the platform wants to be asked by; empty where that is the order's number."""


class NewPayment(Protocol):
    """One call to create a payment: a body that has the platform's shape, on one account."""

    @property
    def order_id(self) -> str:
        """Return the merchant's number of the order."""

    @property
    def replaces(self) -> str:
        """Return the order that this one takes the place of, or an empty string."""

    @property
    def lookup(self) -> Sequence[str]:
        """Return what a customer may say of the order, to be found by it later."""

    @property
    def connector(self) -> Closes:
        """Return the account's connector, which asks about the order that this one replaces, and closes it."""

    @property
    def replay_seconds(self) -> int:
        """Return for how long the same Idempotency-Key is answered the same: what is answered dies some time."""

    @property
    def compared(self) -> Mapping[str, Callable[[Terms], object]]:
        """Return what of the terms is part of their digest, by the field's name in the body."""

    @property
    def not_kept(self) -> str:
        """Return which fields the digest covers and the terms do not hold."""

    def terms(self) -> Terms:
        """Return what is to be recorded, once all is checked that needs no order; raises UnprocessableError."""

    def prepare(self, order: Order) -> PreparedPayment:
        """Have the platform take the order as it was recorded, or give fresh parameters of one that it took before.

        A ConflictError says that the platform has the order in a state that forbids it, any other RefusedError that
        nothing was created, and PlatformUnavailableError that nobody knows.
        """
