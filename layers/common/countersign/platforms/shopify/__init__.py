"""Shopify, the shop's side: orders that are made in a shop, and every movement of their money there."""

OFFERED = ("capture", "void", "cancel", "mark_paid")  # what a shop can be instructed to do about an order's money
