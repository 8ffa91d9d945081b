"""Ends a process together with the one that started it, however that one ended: a SIGKILL too leaves nothing behind.

Whoever starts a process that must not outlive it passes `watched()` as its environment; the process itself calls
`end_with_starter()` first of all. What starts more processes does the same again, so the end runs down the whole tree:
make -> pytest -> its xdist workers -> a sandbox's supervisor -> data plane and runner -> function environments.

`python -P sandbox/parent_watch.py MODULE-OR-SCRIPT.py ...` does so for Python that knows nothing of this, and
`--group COMMAND ...` for a command that starts others: all of its process group are killed.
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

_VARIABLE = "ENDS_WITH_PROCESS"
_LINUX = sys.platform.startswith("linux")
_EVERY = 0.2  # seconds between two looks at who our parent is, where the kernel does not tell
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def watched(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment (by default our own) for a process that is to end with this one."""
    return {**(os.environ if environment is None else environment), _VARIABLE: str(os.getpid())}


def end_with_starter() -> None:
    """Die when the process that asked for it dies; do nothing where nobody asked.

    Only a direct parent can ask: the variable is taken out of the environment, so that children do not read it as
    theirs. In a makefile, `ENDS_WITH_PROCESS=$$PPID exec ...` makes make the one that asks.
    """
    if starter := os.environ.pop(_VARIABLE, ""):
        end_with(int(starter))


def end_with(parent: int) -> None:
    """Die when our parent, whose process id this is, dies; by the kernel's hand where it offers one."""
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


def _run_group(command: list[str]) -> int:
    """Run a command in a process group of its own, which is killed when our parent dies; returns its exit status."""
    import subprocess  # not above: every function of the sandbox imports this file when it starts cold

    starter = int(os.environ.pop(_VARIABLE))
    process = subprocess.Popen(command, process_group=0)
    while process.poll() is None:
        if os.getppid() != starter:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(_EVERY)
    return process.returncode


def _prctl(option: int, argument: int) -> bool:
    if not _LINUX:
        return False
    return bool(ctypes.CDLL(None).prctl(option, argument, 0, 0, 0) == 0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_EVERY)
    os._exit(1)


if __name__ == "__main__":
    if sys.argv[1] == "--group":
        sys.exit(_run_group(sys.argv[2:]))
    end_with_starter()
    sys.argv = sys.argv[1:]
    if sys.argv[0].endswith(".py"):
        sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))  # noqa: PTH100, PTH120 - pathlib costs a start
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
