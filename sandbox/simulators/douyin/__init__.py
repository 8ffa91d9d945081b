"""Douyin: guaranteed payment and the general trade system."""

from sandbox.simulators.douyin.simulator import Simulator

__all__ = ["Simulator"]
