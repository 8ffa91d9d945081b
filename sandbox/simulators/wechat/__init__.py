"""WeChat Pay (v2 and v3) and the one mini-program call a payment needs."""

from sandbox.simulators.wechat.simulator import Simulator

__all__ = ["Simulator"]
