"""What is deployed, written by tools/make_client.py from functions/."""

# Whose shards of the due list there are.
OWNERS = (
    "bigcommerce_poll",
    "bigcommerce_sync",
    "cashier_poll",
    "cashier_refund",
    "douyin_poll",
    "douyin_refund",
    "douyin_settle",
    "douyin_ship",
    "notify",
    "recharge_poll",
    "recharge_retry",
    "shopify_instruct",
    "shopify_poll",
    "shopify_refund",
    "shopify_resolve",
    "shopify_ship",
    "sweep",
    "wechat_poll",
    "wechat_refund",
    "wechat_ship",
)
# Whose quarantined news can be taken in again.
REDRIVEN = ("bigcommerce", "cashier", "douyin", "recharge", "shopify", "wechat")
