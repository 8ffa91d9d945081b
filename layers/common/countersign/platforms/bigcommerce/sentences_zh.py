"""What BigCommerce is called, and its own problems, to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "bigcommerce.name": "BigCommerce",
    "bigcommerce.script_never_ran": "这个订单在等待付款，但没有页面发起过付款：确认页上没有脚本，或脚本没有运行。"
    "请给买家发送付款链接",
    "bigcommerce.reopened": "商店在订单被标记为已付款的同一时刻关闭了它，而标记在后：请在控制面板中查看这个订单",
    "bigcommerce.refund_in_the_control_panel": "商店控制面板中记录了一笔退款：钱并没有因此退回。"
    "请在收银台退款，或说明已在别处退款",
    "bigcommerce.manual_review": "订单付款时商店正在人工核实或处理争议：订单状态保持不变",
}
