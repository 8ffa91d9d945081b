"""A payment's whole story, from "create" to "paid", back and onto the bill, with what platforms do wrong on the way.

Everything goes over HTTP, as merchants, payers and platforms would do it; the sandbox's clock is stopped and moved by
hand. A module of this folder that has `SCENES` is played: by its `PLACE` if it has one, else after those, by its name.
"""

from __future__ import annotations

import datetime
import importlib
import pkgutil
import shutil
import sys
import time
from typing import TYPE_CHECKING

from sandbox.demo_runtime import BEIJING, DemoError, Stage
from sandbox.testing import ROOT, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime.datetime(2026, 11, 23, 10, 0, tzinfo=BEIJING).timestamp()


def main() -> int:
    """Play every scene and report what differed; exit status 1 if anything did."""
    began = time.monotonic()
    try:
        with running_sandbox(shown=True) as sandbox:
            stage = Stage(sandbox)
            sandbox.clock(now=START, frozen=True)
            for scene in scenes():
                scene(stage)
    except (AssertionError, DemoError) as error:
        print(f"\n{error}")
        return 1
    good = stage.checks - len(stage.differences)
    print(f"\n{good} of {stage.checks} as they should be, in {time.monotonic() - began:.0f} s")
    for difference in stage.differences:
        print(f"  DIFFERS  {difference}")
    if stage.differences:
        print(f"the functions' logs are in {sandbox.state.relative_to(ROOT) / 'logs'}")
        return 1
    shutil.rmtree(sandbox.state, ignore_errors=True)
    return 0


def scenes() -> list[Callable[[Stage], None]]:
    """Return the scenes of all modules of this folder, in their order."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    played = [module for module in modules if hasattr(module, "SCENES")]
    played.sort(key=lambda module: (getattr(module, "PLACE", sys.maxsize), module.__name__))
    return [scene for module in played for scene in module.SCENES]
