"""The clouds of two makers of receipt printers, and the paper that comes out."""

from sandbox.simulators.printers.simulator import Simulator

__all__ = ["Simulator"]
