"""The merchant's own system, which takes webhooks at /hook as Standard Webhooks."""

from sandbox.simulators.merchant.simulator import Simulator

__all__ = ["Simulator"]
