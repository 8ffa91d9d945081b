"""Shopify, the shop's side: orders that are made in a shop, and every movement of their money there."""

NOT_OFFERED = ("refund", "ship")  # staff refund and fulfil in the shop, and what they did there is read
