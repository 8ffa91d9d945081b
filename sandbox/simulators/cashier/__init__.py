"""Hosted cashiers as the product meets them: a gateway that speaks HC1 and Stripe Checkout, with their pages."""

from sandbox.simulators.cashier.simulator import Simulator

__all__ = ["Simulator"]
