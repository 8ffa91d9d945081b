"""Shopify, the shop's side: orders that are made in a shop, and every movement of their money there."""

NOT_OFFERED = ("ship",)  # staff fulfil in the shop, and what they did there is read
OFFERED = ("capture", "void", "cancel", "mark_paid")  # what a shop can be instructed to do about an order's money
