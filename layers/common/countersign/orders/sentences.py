"""What each code says to a person: one catalogue for each language, made of the same codes with the same arguments.

Another language is another module `sentences_<language>.py` with a `SENTENCES` of its own. What only one platform says
has the platform's name before its code (`<name>.balance_too_low`) and is worded in `platforms/<name>/sentences.py`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module

from countersign.orders.reasons import Reason

ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")
_PLACEHOLDER = r"\{([a-z_]+)\}"

SENTENCES: Mapping[str, str] = {
    # Access: why a platform lets us in no more for an account.
    "access.another_shop": "the shop's name is another shop's now: whoever runs the app must look at it",
    "access.expired": "the token is over, and there is none any more that renews it: the app must be installed again",
    "access.revoked": "the platform takes the token no more: the account must be authorized anew",
    "access.superseded": "another installation of the same app has the account now: each needs an app of its own",
    "access.uninstalled": "the merchant removed the app",
    # Steps: what became of a change, and why.
    "bill_differs": "the bill of {day} differs: {what}",
    "close_requested": "the merchant asked to close the order",
    "close_requested_without_call": "the merchant asked to close the order: the platform has no call for that, so it "
    "ends when its time is over",
    "closed": "closed: it can no longer be paid",
    "created": "created for {amount}",
    "created_anew": "created anew for {amount}: nothing was created before",
    "flagged": "{question}: a person must look",
    "hint": "an unsigned hint changes nothing; the platform is asked",
    "not_paid_yet": "the platform says {word}: not paid yet",
    "dispute_is": "the platform says that a dispute about a payment is {status}",
    "number_of_another_order": "the {kind} number belongs to another order: a person must look",
    "only_reports_count": "of an order that is made at the platform only its reports count; the platform is asked",
    "order_unknown": "the order is not known here yet; kept, and the platform is asked",
    "other_order_paid": "order {order_id} of the same purchase is paid",
    "paid": "paid {amount}, as the order asks",
    "paid_in_part": "paid {amount}, a part of what the order comes to",
    "paid_up": "paid {amount}: nothing is left to pay",
    "payer_asks_for_refund": "the payer asked the platform for a refund of {amount}",
    "payment_attempted": "attempt {attempt} to have the platform take the order",
    "payment_refused": "the platform refused the order, nothing was created:",
    "paying_failed": "the platform says {word}: paying failed",
    "payment_does_not_fit": "a payment of {paid} does not fit the order of {amount} ({question}): a person must look",
    "platform_event": "the platform signals {word}",
    "refund_absent": "the platform knows no such refund",
    "refund_approved": "refund approved: {amount}",
    "refund_audited": "the platform has our decision about the refund",
    "refund_is": "the platform says the refund of {amount} is {status}",
    "refund_of_other_total": "a refund of an order of {total}, not {amount}: a person must look",
    "refund_refused": "the platform refused the refund:",
    "refund_rejected": "refund rejected: {amount}",
    "refund_requested": "refund requested: {amount}",
    "refund_resolved": "a person says {outcome}",
    "refund_retried": "refund to be tried again",
    "replaced": "replaced by order {order_id}",
    "report_of_a_whole_order": "a report about an order that was created here changes nothing",
    "reported": "the platform has the order as {state}, {amount}",
    "repriced": "the platform changed the order's total from {before} to {after}",
    "retry_is": "the wish to try the charge again is {status}",
    "payment_scopes_lacking": "let in without {scopes}, so nobody can pay by it: open the app from the shop again",
    "session_requested": "the platform asks for this at our payment service: {what}",
    "session_unknown": "the platform's session is not known here",
    "session_decided": "decided: {operation} of the {what} session; the platform is told exactly this until it took it",
    "session_answered": "the platform took the answer to the {what} session: {operation}",
    "session_undecided": "its time is over, and the payment service has not said what becomes of it: look there",
    "session_not_taken": "the platform did not take the answer within a day: compare its page with what was paid",
    "session_contradicted": "the platform says that the session was answered otherwise: {text}",
    "session_confirmed": "the platform says that the payment may be taken",
    "session_unconfirmed": "the platform says that the payment may not be taken any more",
    "session_over": "the payer did not pay within a day",
    "session_payment_unknown": "no payment of this number is known here",
    "session_not_paid": "nothing was paid by this session",
    "session_too_much": "more than is left of the payment",
    "session_overtaken": "the authorization was captured or let go before",
    "session_hold_over": "the authorization is over",
    "session_hold_ends": "money is held for {order} and not captured, and that ends at {at}: capture it or let it go",
    "session_refund_failed": "the refund was not made",
    "session_said": "said where the payer pays: {text}",
    "retry_requested": "somebody asked to try the charge again",
    "resolved": "a person resolved {question}: {decision}",
    "says_nothing": "the message says nothing about an order",
    "retry_is_already": "this try has been asked for already: it is {status}",
    "second_payment": "a second payment of {amount}: a person must look",
    "second_person_needed": "a person would accept {question}: a second person must say so too",
    "settlement_is": "the settlement of {amount} is {status}",
    "settlement_requested": "the merchant asked to settle the order",
    "shipment_is": "the shipment is {status}",
    "shipped": "shipped",
    "shipped_in_part": "shipped in part",
    "unrecognised": "unknown {what} {word}: kept, changes nothing",
    "waits_for_payer": "the platform took the order and waits for the payer",
    "bill_of": "the bill of {day}:",
    # What the store notes by itself.
    "same_again": "the same news again: nothing changes",
    "still_unknown": "the order is still unknown here: a person must look",
    # Refusals.
    "account_form": "account is platform/name",
    "another_amount": "the refund is of {amount}",
    "another_person_needed": "this needs somebody else than who asked for the refund",
    "bill_compared_now": "the bill of that day is being compared at this moment: read the report when it has ended",
    "body_is_json": "a body is JSON, with content-type application/json",
    "carrier_is_named": "the platform wants a carrier's code: {carrier} is {code}",
    "carrier_needed": "carrier and tracking_no are needed for express",
    "carrier_unknown": "{carrier} is no carrier's code: /carriers has those that are known",
    "charge_has_not_failed": "the charge is {status}: there is nothing to try again",
    "charge_was_tried_meanwhile": "the charge was tried meanwhile: read it again",
    "closed_at_the_platform_only": "the order was made at the platform and is closed there",
    "dates_reversed": "{first} is after {last}",
    "difference_resolved": "the difference is settled already",
    "evidence_erased": "the bytes of the event were erased; their digest and what they said stay",
    "evidence_too_large": "the message has {bytes} bytes, more than is shown: its digest tells whether a copy is it",
    "exception_ends_by_itself": "{kind} is not dismissed: it ends by what is done about the order",
    "key_used_for_another_note": "this Idempotency-Key was used for another note of the order",
    "key_used_for_another_refund": "this Idempotency-Key was used for another refund of the order",
    "key_used_for_another_shipment": "this Idempotency-Key was used for another shipment of the order",
    "moment_form": "{name} is a day, or a time with its zone such as 2026-11-22T15:00:00Z",
    "lookup_is_empty": "nothing is left of a lookup without its blanks and dashes",
    "lookup_is_off": "lookups are off: there is no secret with their keys",
    "more_than_refundable": "more than can still be refunded: {left} is left",
    "new_order_id_needed": "the order is {status}; a new payment needs a new order_id",
    "no_bill_yet": "there is no bill of {day} yet",
    "no_bills": "{platform} makes no bills that could be compared",
    "no_such_account": "no such account",
    "no_such_charge": "no such charge",
    "subscriptions_of_others": "another installation uses this app: {addresses} other addresses have the same topics",
    "interval_is_none": "from is before to, to is not ahead, and from is not more than {most} days ago",
    "account_is_not_guarded": "nobody looks after deliveries of this account: there is nothing to be read anew",
    "no_evidence": "the event was made of no bytes: nothing was received",
    "no_such_exception": "no such exception",
    "no_such_event": "there is no such event of the order",
    "no_such_notice": "there is no such notice of the order",
    "no_link_here": "no app is installed in this account that could take a payment by a link",
    "no_such_order": "no such order",
    "no_such_outcome": "the outcome is neither refunded_elsewhere nor given_up",
    "no_such_question": "there is no such open question",
    "no_such_refund": "there is no such refund",
    "no_such_difference": "no such difference in the bill of that day",
    "no_such_report": "no bill of that account and day was compared",
    "no_such_resource": "no such resource",
    "not_a_charge": "the order is no charge that its platform takes by itself",
    "notice_perhaps_sent": "nobody knows whether the notice was sent: look first, then say that you saw it not printed",
    "notice_under_way": "the notice is on its way: wait until it has ended",
    "not_about_money": "this question is not about money that can be refunded",
    "not_reached": "there was no time left for this one: send it again",
    "not_paid": "the order is {status}, not paid",
    "one_parcel_only": "only express has several parcels",
    "only_refund_or_dismiss": "a payment with {question} can be refunded or dismissed, and never accepted",
    "order_exists": "the order exists already",
    "order_is": "the order is {status}",
    "order_not_paid": "the order is not paid",
    "order_to_replace_is": "the order to replace is {status}",
    "other_terms": "the order exists with other terms ({status}): {fields} differs; a new price is a new order_id with "
    "replaces",
    "order_is_sent": "everything of the order is sent",
    "order_refunded": "the order is refunded",
    "parameters_do_not_fit": "does not fit: {fields}",
    "payment_of_another_order": "the payment belongs to another order and cannot be accepted here",
    "person_needed": "this needs a signed-in person, not a machine's token",
    "purchase_paid": "order {order_id} of this purchase is {status}",
    "refunds_not_offered": "refunds of this platform are made there: nothing here makes one",
    "receiver_not_named": "a share goes to a receiver that the account document does not name",
    "another_balance": "another amount is due: {amount}",
    "instruction_confirmed": "a second person agreed: {action}",
    "instruction_exists": "an instruction of this number exists already",
    "instruction_is": "the instruction is {status}",
    "instruction_is_open": "instruction {instruction_id} is not over yet: one is done at a time",
    "instruction_not_offered": "the platform cannot be instructed to do this: {action}",
    "instruction_of_other_currency": "the order is charged in {currency}",
    "instruction_requested": "the platform is to be instructed: {action}",
    "instruction_unknown": "Nobody can tell whether the platform did it: look at the order in its own console",
    "instruction_waits_for_nobody": "the instruction is {status}: no second person is needed",
    "key_used_for_another_instruction": "this Idempotency-Key was used for another instruction",
    "more_than_authorized": "at most {left} are held",
    "nothing_authorized": "nothing is held that could be taken or let go",
    "second_person_for": "Above the account's limit: a second person must agree to {amount}",
    "refund_made_twice": "the platform has a second refund that says to be this one",
    "refund_may_be_ours": "money is on its way back by a refund of ours: whether this is it the platform is asked",
    "refund_part_of": "the platform made this of refund {refund_id}, which counts",
    "refund_exists": "the payment is being refunded already",
    "refund_is_already": "the refund is {status} already",
    "refund_is_with_the_platform": "the platform has taken this refund: asking again does not help, its problem says "
    "what does",
    "refund_judged_by_requester": "a refund is judged by somebody else than its requester",
    "refund_needs_an_amount": "a refund needs an amount",
    "refund_needs_nobody": "the refund is {status}: it needs nobody",
    "refund_number_exists": "a refund with this number exists",
    "refund_of_other_currency": "the refund's currency is not the order's",
    "refund_settled_by_requester": "a refund is settled by somebody else than its requester",
    "refund_tried_meanwhile": "the refund was tried again meanwhile",
    "replaced_already": "the order is replaced by order {order_id} already",
    "replaces_nothing": "replaces names an order that does not exist",
    "scope_missing": "the token lacks the scope {scope}",
    "settlement_is_already": "the settlement is {status} already",
    "settles_by_itself": "the platform settles this order by itself",
    "shares_too_much": "more than {percent} % of the order would be shared",
    "shipment_exists": "a shipment of this number exists already",
    "shipments_not_offered": "this platform is told of no shipments from here",
    "too_many_comparisons": "more than {most} comparisons asked for in the account within a minute",
    "too_many_days": "a range has at most {most} days",
    "too_many_lookups": "more than {most} lookups of the account in a minute",
    "too_many_refreshes": "more than {most} refreshes of the account in a minute",
    "tracking_in_use": "order {order_id} has a parcel of this number: of one parcel for several orders say shared",
    "unknown_parameters": "unknown parameters: {names}",
    "word_is_one_of": "{name} is one of {words}",
    # What workers note.
    "everything_refunded": "everything was refunded",
    "settled_by_the_platform": "the platform settled the order by itself",
    "shares_too_much_of_the_rest": "more than {percent} % of what refunds have left would be shared: ask again with "
    "smaller shares",
    # Problems that do not depend on a platform.
    "refunds_took_the_rest": "Other refunds have taken what was left: resolve this one",
    "retry_unknown": "Nobody can tell whether the charge was tried again: look at it in the platform's own console",
    "tried_and_failed": "It was tried again and failed: {word}",
    "refund_in_the_platforms_console": "The order was made at the platform: refund it in the platform's console, then "
    "resolve this one",
    "refund_not_answered": "The platform does not say whether it was made ({text}): look in its console, then retry or "
    "resolve",
    "said_by_the_platform": "{text}",
    # What an open question means and what a person can do about it.
    "question.amount_mismatch": "The platform reports a payment of another amount than the order asks for.",
    "question.payment_never_begun": "The order waits for its payment, and no page of the shop asked for one: see "
    "whether the script is in the shop's confirmation page and runs there, and send the shopper a payment link.",
    "question.closed_while_it_was_paid": "The shop closed the order in the very moment in which it was marked as paid, "
    "and the mark came later: look at the order there.",
    "question.paid_under_examination": "The order was paid while the shop had it under examination or in dispute: its "
    "status there was left as it is.",
    "question.cancelled_after_payment": "The store cancelled the order after it was paid: its own console shows the "
    "refunds.",
    "question.currency_mismatch": "The platform reports a payment in another currency than the order's.",
    "question.double_payment": "This order and the one it replaces, or that replaces it, are both paid.",
    "question.overpaid": "More was paid than the order asks for and refunds have taken.",
    "question.payer_paid_more_than_total": "The payer paid more than the platform's own total.",
    "question.payment_amount_conflict": "The platform told of one payment with two amounts: the smaller one counts.",
    "question.refund_amount_mismatch": "The platform reports a refund of another amount than was asked for.",
    "question.refund_currency_mismatch": "The platform reports a refund in another currency than the order's.",
    "question.refund_of_another_order": "The refund number belongs to another order.",
    "question.refund_total_mismatch": "The platform reports a refund of an order of another total.",
    "question.refunded_more_than_paid": "More was refunded than was paid.",
    "question.refunded_twice": "A person settled the refund another way, and the platform refunded it too.",
    "question.second_payment": "A second payment arrived for an order that is paid already.",
    "question.settled_more_than_paid": "The platform reports a settlement of more than the order.",
    "question.settlement_of_another_order": "The settlement number belongs to another order.",
    "question.sub_merchant_unexpected": "The payment names a sub-merchant, and the account has none.",
    "question.system_mismatch": "The payment came by another API version than the order was created with.",
    "question.transaction_of_another_order": "The same platform transaction is claimed for two orders.",
    # What a bill says otherwise than is known here.
    "difference.payment_amount": "The bill has another amount for this payment.",
    "difference.payment_missing_here": "The bill has a payment that this order does not have.",
    "difference.payment_missing_in_bill": "This order was paid that day, and the bill has no such payment.",
    "difference.payment_unknown_here": "The bill has a payment of an order that was not created here.",
    "difference.refund_amount": "The bill has another amount for this refund.",
    "difference.refund_missing_here": "The bill has a refund that was not known here.",
    "difference.refund_missing_in_bill": "This refund was taken by the platform that day, and the bill does not have "
    "it.",
    "difference.refund_unknown_here": "The bill has a refund of an order that was not created here.",
    # Why an order is in its state.
    "state.authorized": "The payer's bank holds {amount} of {total}; nobody has taken it yet.",
    "state.balance": "{amount} are left to pay.",
    "state.closed": "Closed: it can no longer be paid, and no payment is known.",
    "state.closing": "The merchant asked at {at} to close it, which the platform has no call for: it ends when its "
    "time is over (set to {end}), and is watched until then.",
    "state.closing_when_paid": "The merchant asked at {at} to close it, which the platform has no call for.",
    "state.created": "Recorded here; the platform has not confirmed it yet.",
    "state.failed": "The platform says that paying failed; it is asked again until the order expires.",
    "state.failed_there": "The platform says that paying failed.",
    "state.paid": "Paid {amount} at {at} by transaction {transaction_id}.",
    "state.paid_in_parts": "Paid {amount} of {total}.",
    "state.paid_late": "It was paid after it had been closed.",
    "state.pending": "The platform waits for the payer.",
    "state.questions": "Open questions need a person.",
    "state.refunded": "{amount} of {total} were refunded.",
    "state.refunded_in_review": "Closed: what was paid did not fit the order of {amount} and went back to the payer.",
    "state.returning": "Not paid: what was paid does not fit the order of {amount} and is on its way back.",
    "state.review": "Not paid: a payment was reported that does not fit the order of {amount}.",
    "state.settled_by_people": "Not paid: a payment was reported that does not fit the order of {amount}, and people "
    "have decided about it.",
    # What happens next, and whom it needs.
    "next.answer_question": "A person must answer a question: {question}",
    "next.asked_in_days": "{platform} is asked again in {days} days",
    "next.asked_in_hours": "{platform} is asked again in {hours} hours",
    "next.asked_in_minutes": "{platform} is asked again in {minutes} minutes",
    "next.asked_soon": "{platform} is asked again within a minute",
    "next.instruction_needs_a_person": "Nobody knows whether this was done ({action}): it needs a person",
    "next.hold_ends": "{amount} is held and not captured: after this nobody can take it any more",
    "next.instruction_on_its_way": "{platform} is being instructed: {action}",
    "next.instruction_to_confirm": "A second person must agree: {action}",
    "next.nothing": "Nothing is due",
    "next.refund_needs_a_person": "The refund of {amount} needs a person",
    "next.refund_on_its_way": "The refund of {amount} is on its way at {platform}",
    "next.refund_to_approve": "The refund of {amount} waits for somebody else than its requester",
    "next.second_person": "{question}: to accept it needs a second person",
    "next.settlement_on_its_way": "The order is being settled at {platform}",
    "next.shipment_needs_a_person": "The shipment needs a person",
    "next.shipment_on_its_way": "{platform} is being told of the shipment",
    "next.to_ship": "It waits to be sent",
    # Kinds of refusals, by their errors: a problem document's title.
    "problem.conflict": "The order's present state forbids it",
    "problem.contention": "The order kept changing: try again",
    "problem.countersign": "It cannot be done",
    "problem.forbidden": "Not allowed",
    "problem.in_progress": "The same request still runs",
    "problem.keys_unavailable": "The account's keys cannot be used",
    "problem.malformed": "The request has not the shape that is needed",
    "problem.not_found": "Not found",
    "problem.not_genuine": "The request is not genuine",
    "problem.platform_unavailable": "The platform gave no answer that can be believed",
    "problem.rate_limited": "Too many requests",
    "problem.refused": "The request is refused",
    "problem.store_unavailable": "The data cannot be reached at the moment",
    "problem.temporary": "Try again later",
    "problem.too_large": "The request is too large",
    "problem.unprocessable": "The request lacks or contradicts something",
    "problem.unreadable": "A stored row cannot be read",
    "problem.unsupported_encoding": "This encoding is not supported",
    # Who says so.
    "trust.bill": "a line of the platform's bill",
    "trust.hint": "unsigned, believed only as a reason to ask",
    "trust.operator": "the merchant's own side",
    "trust.queried": "the platform's answer to our query",
    "trust.verified": "signed by the platform",
}


def sentence(reason: Reason | None, language: str = ENGLISH) -> str | None:
    """Return a reason as a sentence; None of None. A code that has none, from a later version, stands for itself."""
    if reason is None:
        return None
    owner, _, rest = reason.code.partition(".")
    template = catalogue(language).get(reason.code)
    if template is None and rest:
        template = _of_platform(owner, language).get(reason.code)
    if template is None:
        return reason.code
    values = dict(reason.args)
    if "platform" in values:
        values["platform"] = platform_name(str(values["platform"]), language)
    if "question" in values and owner == "next":
        values["question"] = meaning(str(values["question"]), language).rstrip(".。")
    return re.sub(_PLACEHOLDER, lambda match: str(values.get(match[1], "")), template)


def platform_name(platform: str, language: str = ENGLISH) -> str:
    """Return what people call a platform, as its own catalogue has it."""
    return _of_platform(platform, language).get(f"{platform}.name", platform)


def said(reasons: Iterable[Reason], language: str = ENGLISH) -> str:
    """Return several reasons as one text; one that ends with a colon goes on with the next."""
    text = ""
    for reason in reasons:
        between = " " if text.endswith((":", "：")) else "; " if text else ""
        text += between + (sentence(reason, language) or "")
    return text


def meaning(question: str, language: str = ENGLISH) -> str:
    """Return what an open question of this name means."""
    return catalogue(language).get(f"question.{question}", question)


def difference_meaning(what: str, language: str = ENGLISH) -> str:
    """Return what a difference of this name between a bill and our record means."""
    return catalogue(language).get(f"difference.{what}", what)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the sentences of a language; English where there are none."""
    return SENTENCES if language == ENGLISH else _sentences(f"countersign.orders.sentences_{language}") or SENTENCES


@cache
def _of_platform(platform: str, language: str) -> Mapping[str, str]:
    folder = f"countersign.platforms.{platform}"
    suffix = "" if language == ENGLISH else f"_{language}"
    return _sentences(f"{folder}.sentences{suffix}") or _sentences(f"{folder}.sentences")


def _sentences(module: str) -> Mapping[str, str]:
    if not re.fullmatch(r"[a-z0-9_.]+", module):
        return {}
    try:
        found: Mapping[str, str] = import_module(module).SENTENCES
    except ModuleNotFoundError:
        return {}
    return found
