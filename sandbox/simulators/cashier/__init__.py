"""Hosted cashiers as the product meets them: a gateway that speaks HC1, with its page."""

from sandbox.simulators.cashier.simulator import Simulator

__all__ = ["Simulator"]
