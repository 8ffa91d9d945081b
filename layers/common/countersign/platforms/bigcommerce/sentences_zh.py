"""What BigCommerce is called, and its own problems, to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "bigcommerce.name": "BigCommerce",
    "bigcommerce.refund_in_the_control_panel": "商店控制面板中记录了一笔退款：钱并没有因此退回。"
    "请在收银台退款，或说明已在别处退款",
}
