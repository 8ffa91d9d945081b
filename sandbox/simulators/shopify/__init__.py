"""Shopify as the product meets it: shops, their orders, and the deliveries about them."""

from sandbox.simulators.shopify.simulator import Simulator

__all__ = ["Simulator"]
