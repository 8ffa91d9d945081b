"""Bodies of the merchant API's requests: what a person or a merchant's system may say, and nothing beside."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from countersign import texts
from countersign.money import MAX_MINOR, Money
from countersign.orders.changes import Parcel
from countersign.signing.lookups import MAX_CHARACTERS
from countersign.store.payment_links import LEAST_SECONDS, MOST_SECONDS

Line = Annotated[str, AfterValidator(texts.one_line)]
Code = Annotated[str, AfterValidator(texts.trimmed), AfterValidator(texts.one_line)]
Note = Annotated[str, AfterValidator(texts.lines)]


class Resolution(BaseModel):
    """The answer to an open question."""

    model_config = ConfigDict(extra="forbid")
    decision: Annotated[str, Field(pattern="^(accept|refund|dismiss)$")]
    note: Annotated[Note, Field(max_length=500)] = ""


class Amount(BaseModel):
    """Money: whole minor units and a currency."""

    model_config = ConfigDict(extra="forbid", strict=True)
    minor: Annotated[int, Field(ge=1, le=MAX_MINOR)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]

    def to_money(self) -> Money:
        """Return it as our value."""
        return Money(self.minor, self.currency)


class LinkWish(BaseModel):
    """For how many seconds a payment link shall live: three days where nothing is said, two weeks at most."""

    model_config = ConfigDict(extra="forbid", strict=True)
    expires_in: Annotated[int, Field(ge=LEAST_SECONDS, le=MOST_SECONDS)] | None = None


class RefundWish(BaseModel):
    """What shall be refunded: everything that is left where no amount is given."""

    model_config = ConfigDict(extra="forbid")
    amount: Amount | None = None
    reason: Annotated[Line, Field(max_length=80)] = ""
    source: Literal["merchant", "shopper"] = "merchant"


class Judgement(BaseModel):
    """The amount that the person saw who decides; where given, it must be the refund's."""

    model_config = ConfigDict(extra="forbid")
    amount: Amount | None = None


class Settlement(BaseModel):
    """What a person did about a refund that the platform could not make."""

    model_config = ConfigDict(extra="forbid")
    outcome: Literal["refunded_elsewhere", "given_up"]
    note: Annotated[Note, Field(min_length=1, max_length=500)]


class Dismissal(BaseModel):
    """Why nothing remains to be done about an exception."""

    model_config = ConfigDict(extra="forbid")
    note: Annotated[Note, Field(min_length=1, max_length=500)]


class BillOf(BaseModel):
    """Which platform's bill of the day shall be compared again."""

    model_config = ConfigDict(extra="forbid")
    platform: Annotated[str, Field(min_length=1, max_length=32)]


class Explained(BillOf):
    """Why nothing remains to be done about a difference of a platform's bill."""

    note: Annotated[Note, Field(min_length=1, max_length=500)]


class NoteWish(BaseModel):
    """What somebody writes beside an order."""

    model_config = ConfigDict(extra="forbid")
    note: Annotated[Note, Field(min_length=1, max_length=2000)]


class NoticeAgain(BaseModel):
    """Why a notice may be sent once more of which nobody knows whether it was: somebody has looked."""

    model_config = ConfigDict(extra="forbid")
    seen: Literal["", "not printed"] = ""


class Share(BaseModel):
    """What another receiver gets of a settlement."""

    model_config = ConfigDict(extra="forbid")
    merchant_uid: Annotated[str, Field(pattern="^[0-9A-Za-z_-]{1,64}$")]
    amount: Amount


class SettlementWish(BaseModel):
    """Who else gets a part of the order; nobody where empty."""

    model_config = ConfigDict(extra="forbid")
    shares: Annotated[list[Share], Field(max_length=10)] = []


class VoidWish(BaseModel):
    """Which authorization is let go, where the order has several."""

    model_config = ConfigDict(extra="forbid")
    transaction_id: Annotated[Code, Field(max_length=64)] = ""


class CaptureWish(VoidWish):
    """How much is taken of what is held; all of it without an amount."""

    amount: Amount | None = None


class CancelWish(BaseModel):
    """Why an order is cancelled, whether its goods go back into stock, and whether the platform tells the buyer."""

    model_config = ConfigDict(extra="forbid")
    reason: Literal["customer", "declined", "fraud", "inventory", "other", "staff"]
    restock: bool
    notify: bool = False
    note: Annotated[Note, Field(max_length=255)] = ""


class MarkPaidWish(BaseModel):
    """What the person saw that is due, and came another way than by the platform."""

    model_config = ConfigDict(extra="forbid")
    amount: Amount


class GoodsBody(BaseModel):
    """So many of one line of the order, by the platform's own number of the line."""

    model_config = ConfigDict(extra="forbid")
    line_id: Annotated[Code, Field(min_length=1, max_length=64)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class ParcelBody(BaseModel):
    """One parcel; `carrier` is the platform's code of the carrier, `contact` a masked phone number if it wants one.

    `goods` is what lies in it, which a platform may want to know of the parcels of a part.
    """

    model_config = ConfigDict(extra="forbid")
    tracking_no: Annotated[Code, Field(max_length=128)] = ""
    carrier: Annotated[Code, Field(max_length=128)] = ""
    description: Annotated[Line, Field(max_length=120)] = ""
    contact: Annotated[str, Field(pattern=r"^[0-9+*-]{0,32}$")] = ""
    goods: Annotated[list[GoodsBody], Field(max_length=50)] = []

    def to_parcel(self) -> Parcel:
        """Return it as our value."""
        goods = tuple((one.line_id, one.quantity) for one in self.goods)
        return Parcel(self.carrier, self.tracking_no, self.description, self.contact, goods)


class ShipmentWish(ParcelBody):
    """What was sent: one parcel, or several as `parcels`; `complete` is false while something remains to be sent.

    `shared` says that the parcels hold goods of other orders too: else a number that another order has is refused.
    """

    method: Literal["express", "local", "virtual", "pickup"] = "express"
    parcels: Annotated[list[ParcelBody], Field(max_length=15)] = []
    complete: bool = True
    shared: bool = False

    def to_parcels(self) -> tuple[Parcel, ...]:
        """Return its parcels as our values."""
        return tuple(parcel.to_parcel() for parcel in self.parcels or [self])


class LookupWish(BaseModel):
    """What a customer says, and in which account an order is looked for by it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    account: Annotated[str, Field(min_length=1, max_length=128)]
    value: Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]


class RestoreWish(BaseModel):
    """A time in which deliveries may have been lost: what changed in it is read anew, and proved read."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    since: Annotated[AwareDatetime, Field(alias="from")]
    until: Annotated[AwareDatetime, Field(alias="to")]


class BatchShipment(ShipmentWish):
    """One line of many: which order, and what of it was sent."""

    platform: Annotated[str, Field(min_length=1, max_length=128)]
    account: Annotated[str, Field(min_length=1, max_length=128)]
    order_id: Annotated[str, Field(min_length=1, max_length=128)]


class ShipmentBatch(BaseModel):
    """Up to a hundred shipments, each of which is recorded or refused by itself."""

    model_config = ConfigDict(extra="forbid")
    shipments: Annotated[list[BatchShipment], Field(min_length=1, max_length=100)]
