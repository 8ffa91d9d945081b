"""Shopify, the shop's side: orders that are made in a shop, and every movement of their money there."""
