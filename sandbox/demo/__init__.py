"""A payment's whole story, from "create" to "paid", back and onto the bill, with what platforms do wrong on the way.

Everything goes over HTTP, as merchants, payers and platforms would do it; the sandbox's clock is stopped and moved by
hand. A module of this folder that has `SCENES` is played: by its `PLACE` if it has one, else after those, by its name.
`python -m sandbox demo acme` plays `acme` alone.
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
    from collections.abc import Callable, Sequence

START = datetime.datetime(2026, 11, 23, 10, 0, tzinfo=BEIJING).timestamp()


def main(parts: Sequence[str] = ()) -> int:
    """Play every scene, or those of some modules, and report what differed; exit status 1 if anything did."""
    began, played = time.monotonic(), scenes(parts)
    try:
        with running_sandbox(shown=True) as sandbox:
            stage = Stage(sandbox)
            sandbox.clock(now=START, frozen=True)
            for scene in played:
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


def scenes(parts: Sequence[str] = ()) -> list[Callable[[Stage], None]]:
    """Return the scenes of all modules of this folder, or of those that are named, in their order."""
    names = parts or [module.name for module in pkgutil.iter_modules(__path__)]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    played = [module for module in modules if hasattr(module, "SCENES")]
    played.sort(key=lambda module: (getattr(module, "PLACE", sys.maxsize), module.__name__))
    return [scene for module in played for scene in module.SCENES]
