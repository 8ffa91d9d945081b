"""Sample events of WeChat's functions, and of those that serve every platform, shown with WeChat's orders."""

from __future__ import annotations

from sandbox.events.shared import SampleEvents
from sandbox.events.wechat import merchant, notices, notify, push, refunds, shipping
from sandbox.events.wechat.maker import Maker


def sample_events(now: int) -> SampleEvents:
    """Return every case, signed for a moment."""
    maker = Maker(now)
    modules = (notify, push, merchant, refunds, shipping, notices)
    cases = {name: case for module in modules for name, case in module.cases(maker).items()}
    return SampleEvents(cases, maker.documents)
