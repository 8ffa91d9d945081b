"""Ties a process to its parent, so that nothing outlives the sandbox, however it ends.

`python -P sandbox/leash.py PARENT MODULE` runs a module of another environment on the leash.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import threading
import time

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def hold(parent: int) -> None:
    """Die when `parent` dies, by the kernel's hand where it offers one."""
    if not _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL):
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose own parent was killed, so that they can be reaped."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(children: set[int]) -> None:
    """Collect ended processes that are not `children`, which are waited for elsewhere."""
    if not _LINUX:  # there init adopts them
        return
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in children:
                return
            os.waitpid(ended.si_pid, 0)


def has_children() -> bool:
    """Whether any process is still ours, ended or not."""
    try:
        if _LINUX:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return _LINUX


def _prctl(option: int, argument: int) -> bool:
    if not _LINUX:
        return False
    return bool(ctypes.CDLL(None).prctl(option, argument, 0, 0, 0) == 0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.3)
    os._exit(1)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
