"""What WeChat pushes to a mini program in practice."""

import pytest

from tests.cases import kit

PAYER = "oField_Payer_000000000000001"


def pushed(world, message, *, as_xml=False):
    """Push a message to a fresh account in secure mode; return the answer."""
    world.account("wechat", "pushed", {**kit.shop_document(store=None), "api_base": kit.BASE})
    return world.push("pushed", *kit.push_request(message, kit.shop_document(), world.now, as_xml=as_xml))


def consents(*lists):
    rows = "".join(
        f"<List><TemplateId><![CDATA[{template}]]></TemplateId>"
        f"<SubscribeStatusString><![CDATA[{word}]]></SubscribeStatusString><PopupScene>2</PopupScene></List>"
        for template, word in lists
    )
    return (
        "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
        f"<FromUserName><![CDATA[{PAYER}]]></FromUserName><CreateTime>{kit.NOW - 1}</CreateTime>"
        "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe_msg_popup_event]]></Event>"
        f"<SubscribeMsgPopupEvent>{rows}</SubscribeMsgPopupEvent></xml>"
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_consents_to_several_templates_come_as_an_element_that_repeats(world, count):
    lists = [("TMPL_order_paid_0001", "accept"), ("TMPL_order_sent_0002", "reject"), ("TMPL_refunded_0003", "accept")]

    answer = pushed(world, consents(*lists[:count]), as_xml=True)

    assert (answer["statusCode"], answer["body"]) == (200, "success")
    assert world.exceptions() == []


def test_a_push_about_no_order_leaves_the_list_of_exceptions_by_itself(world):
    message = {
        "ToUserName": "gh_0123456789ab",
        "FromUserName": PAYER,
        "CreateTime": kit.NOW - 1,
        "MsgType": "event",
        "Event": "wxa_media_check",
        "appid": kit.shop_document()["appid"],
        "trace_id": "65aa6721-75a6b89e-095b9dbf",
        "version": 2,
        "errcode": 0,
        "result": {"suggest": "pass", "label": 100},
    }

    assert pushed(world, message)["statusCode"] == 200
    world.run("sweep", 40 * 86400)
    assert world.exceptions() == []
