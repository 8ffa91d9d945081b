"""What the page says, in English and Chinese: headings, buttons, and the sentence after each click."""

from __future__ import annotations

from typing import Any

LANGUAGES = ("en", "zh")
WORDS: dict[str, tuple[str, str]] = {
    "title": ("Sandbox desk", "沙盒柜台"),
    "lead": (
        "Buy something, break something, watch it be explained. Nothing here is real: platforms, payers and money are"
        " simulated on this machine, and the functions are the ones that are deployed.",
        "买点东西、弄坏点什么、看系统如何解释。这里的平台、付款人和资金都是本机模拟的，运行的函数与部署到云端的相同。",
    ),
    "other_language": ("中文", "English"),
    "where": ("Other platforms and cashiers", "其他平台与收银台"),
    "shop": ("Shop", "商店"),
    "buy": ("Buy", "购买"),
    "buy_charge": ("A charge comes due and fails", "到期扣款失败"),
    "pay": ("Pay as the payer", "以付款人身份付款"),
    "charge_again": ("Charge again: it succeeds", "再次扣款：成功"),
    "no_order": ("Buy something first.", "请先购买。"),
    "scan": ("The payer scans this code", "付款人扫描此码"),
    "cashier_page": ("Open the cashier's page", "打开收银台页面"),
    "trouble": ("Make trouble", "制造麻烦"),
    "trouble_lead": (
        "Each button needs an order in the right state, and buys another one where this one is not.",
        "每个按钮需要处于相应状态的订单；若当前订单不符合，会另买一单。",
    ),
    "time": ("Let time pass", "让时间过去"),
    "minutes": ("+ 10 minutes", "+ 10 分钟"),
    "day": ("+ 1 day", "+ 1 天"),
    "clock": ("Sandbox time (Beijing)", "沙盒时间(北京)"),
    "said": ("What happened", "刚才发生了什么"),
    "nothing_yet": ("Nothing yet: buy something.", "还没有：请先购买。"),
    "curl": ("The same as curl", "等同的 curl 命令"),
    "curl_lead": (
        "Run these in the folder of the sandbox; make -s token makes a token.",
        "在沙盒所在目录运行;make -s token 会生成令牌。",
    ),
    "copy": ("Copy", "复制"),
    "copied": ("Copied", "已复制"),
    "knows": ("What Countersign knows", "Countersign 所知"),
    "unknown": (
        "It does not know this order yet. Let time pass, or let somebody pay.",
        "尚不知道此订单。请让时间过去，或完成付款。",
    ),
    "next": ("Next", "下一步"),
    "next_none": ("Nothing is due.", "没有待办事项。"),
    "timeline": ("Timeline, newest first", "时间线(最新在前)"),
    "open": ("A person must decide", "需要人工决定"),
    "refunds": ("Refunds", "退款"),
    "bill_says": ("the bill says", "账单："),
    "ours": ("here", "我方："),
    "key": ("key", "密钥"),
    "arrived": ("What arrived", "收到了什么"),
    "arrived_none": (
        "Nothing yet. Receipts and messages come a few seconds after a payment.",
        "还没有。付款后几秒会收到。",
    ),
    "receipt": ("Receipt on printer", "打印机小票"),
    "message": ("WeChat message", "微信消息"),
    "email": ("E-mail", "电子邮件"),
    "webhook": ("Webhook", "Webhook"),
    "bus": ("Event on the bus", "总线事件"),
    "asked": ("Calls of the platform", "对平台的调用"),
    "orders": ("Bought here", "在此购买的订单"),
    "console": ("Console: sign in as", "控制台登录身份"),
    "console_none": ("This sandbox serves no console.", "此沙盒没有控制台。"),
    "ann": ("Ann, shop", "Ann 店员"),
    "bob": ("Bob, finance", "Bob 财务"),
    "sue": ("Sue, support", "Sue 客服"),
    "working": ("Working …", "处理中……"),
    "failed": ("That did not work. Look at the sandbox's terminal.", "操作失败，请查看沙盒终端。"),
    "of": ("of", "/"),
    # Buttons.
    "five": ("Five notices", "五次通知"),
    "lost": ("Lose the notice", "通知丢失"),
    "amount": ("Wrong amount", "金额不符"),
    "forge": ("Forged", "伪造"),
    "stale": ("Old signature", "过期签名"),
    "other_merchant": ("Another merchant's", "他人商户的通知"),
    "late": ("Pay after close", "关单后付款"),
    "console_refund": ("Console refund", "商户平台退款"),
    "two_people": ("Refund by two people", "双人退款"),
    "refund_fails": ("Refund fails", "退款失败"),
    "bill": ("Bill differs", "账单不符"),
    "kill": ("Kill the function", "杀死函数"),
    "throttle": ("Throttle DynamoDB", "DynamoDB 限流"),
    "lying_topic": ("A topic that lies", "虚假的主题"),
    "silent": ("Lose every delivery", "推送全部丢失"),
    "card": ("The card is renewed", "更换银行卡"),
    "unsubscribed": ("Deliveries end", "推送被取消"),
    "ended": ("The session expires", "会话过期"),
    "guessed": ("Guess a cart", "猜测购物车"),
    "store_cancels": ("The store cancels", "店铺取消订单"),
    # After a click.
    "said.bought": ("{good} was ordered: {order}.", "已下单 {good}:{order}。"),
    "said.another": ("Another one was bought for this: {order}.", "为此另买了一单：{order}。"),
    "said.refused": ("Refused: {text}", "被拒绝：{text}"),
    "said.time": ("Time has passed. What was due is done now.", "时间已过，到期的工作正在执行。"),
    "said.paid": ("The payer paid. The notice was answered {answers}.", "付款人已付款。通知的应答：{answers}。"),
    "said.told": ("The shop sold {name} and said so, signed.", "店铺售出 {name}，并发出签名推送。"),
    "said.told_paid": ("The shop was paid and said so, signed.", "店铺已收款，并发出签名推送。"),
    "said.charge_failed": (
        "Recharge could not take the charge ({error}) and said so.",
        "Recharge 扣款失败({error}),并已推送。",
    ),
    "said.charge_taken": ("Recharge took the charge and said so.", "Recharge 扣款成功，并已推送。"),
    "said.store_order": (
        "The store has order {number}; its page asked where to pay, with proof that the order is its own.",
        "店铺产生订单 {number}；订单页面凭证明询问去哪里付款。",
    ),
    "said.cashier_paid": (
        "The shopper paid at the cashier, which said so, signed.",
        "顾客在收银台付款，收银台发出签名通知。",
    ),
    "said.five": (
        "The notice came five times, answered {answers}. Count the payments in the timeline: one.",
        "通知来了五次，应答 {answers}。数一数时间线里的付款：只有一次。",
    ),
    "said.lost": (
        "The payer paid and the notice is lost. The order still waits: see what is next, then let ten minutes pass.",
        "付款人已付款，但通知丢失。订单仍在等待：看“下一步”,再让十分钟过去。",
    ),
    "said.amount": (
        "0.01 was paid instead, genuinely signed, answered {answers}. The order is not paid: a person must decide.",
        "实付 0.01，签名真实，应答 {answers}。订单未变为已付款：需要人工决定。",
    ),
    "said.forge": (
        "Signed with a stranger's key: answered {status}. Nothing was written, and the order has not moved.",
        "用陌生密钥签名：应答 {status}。没有写入任何数据，订单未变。",
    ),
    "said.stale": (
        "Genuine, but signed 301 seconds ago: answered {status}. The order has not moved.",
        "签名真实，但已过 301 秒：应答 {status}。订单未变。",
    ),
    "said.other_merchant": (
        "Genuinely signed, about another merchant's payment: answered {status}. The order has not moved.",
        "签名真实，但属于其他商户：应答 {status}。订单未变。",
    ),
    "said.late": (
        "Closed, and paid all the same by who stood on the password page; answered {answers}. The money is known, and a"
        " refund waits for a decision, or is made, as the account's document says.",
        "订单已关闭，停留在密码页的付款人仍完成付款；应答 {answers}。资金已入账，退款按账户配置等待决定或自动进行。",
    ),
    "said.console": (
        "Somebody refunded a quarter in WeChat's own console; the notice was answered {answers}. What nobody signed is"
        " only a reason to ask: let ten minutes pass where it is not shown yet.",
        "有人在微信商户平台退了四分之一；通知应答 {answers}。未签名的消息只会触发查询：若尚未显示，请让十分钟过去。",
    ),
    "said.console_told": (
        "A quarter was given back on the other side, which said so.",
        "对方退回了四分之一，并已通知。",
    ),
    "said.two_people": (
        "Ann asked for half of it back, Bob approved: whoever asks cannot approve. A worker made the refund, once.",
        "Ann 申请退一半,Bob 批准：申请人不能自己批准。后台只执行一次退款。",
    ),
    "said.refund_fails": (
        "Ann asked, Bob approved, WeChat took it and could not pay it out. It needs somebody, and says what to do.",
        "Ann 申请,Bob 批准，微信受理后无法打款。需要人工处理，并说明该怎么做。",
    ),
    "said.bill": (
        "It is the next morning, and the bill says one cent more than was paid. Once it was compared, the difference"
        " stands here, and on the list of what a person must settle.",
        "现在是次日早晨，账单比实付多一分。对账完成后，差异会显示在此处，并列入待处理清单。",
    ),
    "said.kill": (
        "The function was killed right after its write; WeChat got {answers}. It sent again 15 seconds later: same"
        " order, one payment.",
        "函数在写入后立即被杀死；微信得到 {answers}。15 秒后重发：同一订单，只有一次付款。",
    ),
    "said.throttle": (
        "DynamoDB refused every write; WeChat got {answers}, and no 2xx before the write. It sent again 15 seconds"
        " later.",
        "DynamoDB 拒绝所有写入；微信得到 {answers}，写入前不会返回 2xx。15 秒后微信重发。",
    ),
    "said.lying_topic": (
        "The unpaid order came, genuinely signed, under another topic: no topic is signed, so only the body counts.",
        "未付款订单的真实内容以别的主题送达：主题不在签名内，只看内容。",
    ),
    "said.forged_delivery": (
        "A delivery signed with a stranger's secret came, and was refused before anything was read.",
        "用陌生密钥签名的推送被拒绝，内容未被读取。",
    ),
    "said.silent": (
        "The shop was paid and told nobody. Let ten minutes pass: its list of changed orders is read.",
        "店铺已收款但没有推送。请让十分钟过去：系统会读取变更的订单列表。",
    ),
    "said.card": (
        "The customer renewed the card. Recharge tries again tomorrow: let a day pass.",
        "客户更换了银行卡。Recharge 明天会再次扣款：请让一天过去。",
    ),
    "said.unsubscribed": (
        "Recharge ended the deliveries, took the charge and told nobody. Let a day pass: the guard subscribes"
        " anew and the gap is read.",
        "Recharge 取消了推送，之后扣款成功但无人知晓。请让一天过去：守护任务会重新订阅并补读缺口。",
    ),
    "said.cashier_lost": (
        "The shopper paid and the notification is lost. Let ten minutes pass: the cashier is asked.",
        "顾客已付款，但通知丢失。请让十分钟过去：系统会向收银台查询。",
    ),
    "said.cashier_ended": ("The payment ended unpaid, and the cashier said so.", "付款未完成即结束，收银台已通知。"),
    "said.guessed": (
        "Somebody who guessed a cart asked where to pay: {status}, as for an order that does not exist.",
        "有人猜测购物车来询问付款地址：{status}，与订单不存在时的答复相同。",
    ),
    "said.store_cancels": (
        "The store cancelled the order while its shopper is at the cashier. Pay, and see what becomes of the money.",
        "顾客在收银台时店铺取消了订单。现在付款，看看资金如何处理。",
    ),
    # Statuses of orders.
    "status.pending": ("waits", "待付款"),
    "status.paid": ("paid", "已付款"),
    "status.review": ("a person must decide", "需人工决定"),
    "status.partially_refunded": ("refunded in part", "部分退款"),
    "status.refunded": ("refunded", "已退款"),
    "status.closed": ("closed", "已关闭"),
    "status.failed": ("failed", "失败"),
}


def say(language: str, code: str, **arguments: Any) -> str:
    """Word something."""
    text = WORDS[code][LANGUAGES.index(language)]
    return text.format(**arguments) if arguments else text


def status(language: str, word: str) -> str:
    """Word an order's status; one that is new here is shown as it is."""
    return say(language, f"status.{word}") if f"status.{word}" in WORDS else word.replace("_", " ")
