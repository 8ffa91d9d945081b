"""Which notices an account wants; one that is wrong fails alone."""

import pytest

from countersign.notices import settings
from countersign.notices.receipt import PrintSettings
from countersign.notices.settings import Email
from countersign.notices.webhook import WebhookSettings
from countersign.notices.wechat_message import Message

MESSAGE = {"channel": "message", "on": ["order.paid"], "to": "buyer", "template_id": "T", "data": {"thing1": "{items}"}}
EMAIL = {
    "channel": "email",
    "on": ["order.paid"],
    "to": ["anna@example.com"],
    "from": "shop@example.com",
    "subject": "{event}",
    "text": "{order_id}",
}
PRINT = {"channel": "print", "on": ["order.paid"], "printers": ["counter"]}
WEBHOOK = {
    "channel": "webhook",
    "on": ["order.paid"],
    "url": "https://erp.example.com/hook",
    "secrets": ["whsec_c2l4dGVlbiBieXRlcyBhcmUgdG9vIGZldyE="],
}


def test_a_time_zone_that_does_not_exist_is_a_warning_and_times_are_told_as_the_platforms():
    told = settings.load({"time_zone": "Asia/Nowhere", "notices": {"mail": EMAIL}}, platform="wechat")

    assert str(told.zone) == "Asia/Shanghai"
    assert told.warnings == ("time_zone is not a name like Asia/Shanghai: times are told as the platform's",)
    assert told.wanted("order.paid")


@pytest.mark.parametrize("zone", [5, "", "../../etc/passwd", "/etc/localtime", ["UTC"]])
def test_a_time_zone_is_never_a_path(zone):
    assert len(settings.load({"time_zone": zone}, platform="douyin").warnings) == 1


def load(**notices: object) -> settings.Notices:
    return settings.load({"notices": notices})


def problem(entry: dict[str, object], **changes: object) -> str:
    return load(one={**entry, **changes}).by_name["one"].problem


def test_each_channel_is_typed():
    found = load(a=MESSAGE, b=EMAIL, c=PRINT, d=WEBHOOK)

    contents = {name: type(notice.content) for name, notice in found.by_name.items()}
    assert contents == {"a": Message, "b": Email, "c": PrintSettings, "d": WebhookSettings}
    assert found.warnings == ()


def test_an_account_without_notices_has_none():
    assert settings.load({}) == settings.Notices()
    assert settings.load({"notices": {}}).wanted("order.paid") == []


def test_only_who_asked_for_an_event_is_told_of_it():
    found = load(a=MESSAGE, b={**EMAIL, "on": ["order.closed", "order.paid"]})

    assert [notice.name for notice in found.wanted("order.closed")] == ["b"]
    assert [notice.name for notice in found.wanted("order.paid")] == ["a", "b"]
    assert found.wanted("order.review") == []


def test_a_notice_that_is_switched_off_does_not_exist():
    assert load(a={**MESSAGE, "enabled": False}).by_name == {}


@pytest.mark.parametrize(
    ("entry", "changes", "why"),
    [
        (MESSAGE, {"to": []}, "to is not a list"),
        (MESSAGE, {"to": ["o 1"]}, "to holds something that is none"),
        (MESSAGE, {"to": [f"o{number}" for number in range(6)]}, "more than 5 people"),
        (MESSAGE, {"template_id": ""}, "template_id is missing"),
        (MESSAGE, {"data": {}}, "data is not an object"),
        (MESSAGE, {"data": {"thing": "x"}}, "not like thing1"),
        (MESSAGE, {"data": {"thing1": "{nothing}"}}, "data.thing1 has a placeholder that does not exist"),
        (MESSAGE, {"page": "{nothing}"}, "page has a placeholder"),
        (MESSAGE, {"state": "test"}, "state is not one of"),
        (MESSAGE, {"channel": "sms"}, "channel is not one of message, print, email, webhook"),
        (MESSAGE, {"on": ["order.paid", "order.pait"]}, "on names 1 events that do not exist"),
        (EMAIL, {"to": "anna@example.com"}, "to is not a list"),
        (EMAIL, {"to": ["anna@example.com\nBcc: x@example.com"]}, "to holds something that is none"),
        (EMAIL, {"from": "shop"}, "from holds something that is none"),
        (EMAIL, {"subject": ""}, "subject is missing"),
        (PRINT, {"copies": 0}, "copies is not"),
        (WEBHOOK, {"url": "http://erp.example.com/hook"}, "url is not https"),
        (WEBHOOK, {"secrets": []}, "secrets is not a list"),
    ],
)
def test_a_wrong_notice_says_why_and_never_what(entry, changes, why):
    assert why in problem(entry, **changes)
    told = " ".join(load(one={**entry, **changes}).warnings)
    assert not any(text in told for text in ("anna@", "sms", "pait", "erp.example"))


def test_a_wrong_notice_is_still_asked_for_so_that_somebody_hears_of_it():
    found = load(bad={**MESSAGE, "template_id": "", "fallback": "mail"}, mail=EMAIL)

    assert [(notice.name, notice.fallback) for notice in found.wanted("order.paid")] == [("bad", "mail"), ("mail", "")]
    assert found.by_name["bad"].content is None
    assert found.by_name["mail"].problem == ""


@pytest.mark.parametrize(
    "notices",
    [
        "all",
        [],
        7,
        {"a b": MESSAGE},
        {"a": "x"},
        {"a": {**MESSAGE, "on": "order.paid"}},
        {"a": {**MESSAGE, "enabled": 1}},
    ],
)
def test_what_cannot_be_read_at_all_is_left_out_with_a_warning(notices):
    found = settings.load({"notices": notices})

    assert found.by_name == {}
    assert bool(found.warnings) is bool(notices)


def test_a_fallback_that_does_not_exist_is_warned_of():
    assert load(a={**MESSAGE, "fallback": "b"}).warnings == (
        "notices.a: its fallback does not exist or is switched off",
    )


def test_printers_that_are_no_list_of_objects_are_none():
    found = settings.load({"printers": {"kind": "feie"}, "notices": {"c": PRINT}})

    assert found.printers == ()
    assert found.warnings == ("printers is not a list of objects: there are none",)


def test_a_trusted_origin_may_be_called_without_https():
    document = {"notices": {"d": {**WEBHOOK, "url": "http://127.0.0.1:9999/hook"}}}

    assert settings.load(document, trusted={"http://127.0.0.1:9999"}).by_name["d"].problem == ""
    assert "url" in settings.load(document).by_name["d"].problem
