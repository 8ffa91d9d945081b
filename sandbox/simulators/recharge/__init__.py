"""Recharge as the product meets it: charges in both versions of its API, its own dunning, webhooks and their end."""

from sandbox.simulators.recharge.simulator import Simulator

__all__ = ["Simulator"]
