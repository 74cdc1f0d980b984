"""Starts the emulator so that it replaces code as AWS does, where an invocation that has begun ends in its own code.

The emulator kills the workers of a function that is changed, also those at work, and stands still while their
files are removed. Here each ends once nobody works in it, and all of that beside the emulator's own thread. And it
unpacks every layer for every worker; here once, since a cold start of ten workers would unpack 40,000 files. Policies
apply to keys with line breaks too.
"""

import sys
from importlib import import_module
from threading import Thread
from typing import Any

lambda_runtime: Any = import_module("ministack.core.lambda_runtime")
kill_at_once = lambda_runtime.kill_workers


def kill_when_idle(worker: Any) -> None:
    """A worker holds its lock for as long as its handler runs."""
    with worker._lock:  # noqa: SLF001  ministack has no other way in
        kill_at_once([worker])


def kill_workers(workers: list[Any]) -> None:
    """Those that were taken out of the emulator's pool end by and by."""
    for worker in workers:
        Thread(target=kill_when_idle, args=(worker,), daemon=True).start()


if __name__ == "__main__":
    lambda_runtime.kill_workers = kill_workers
    lambda_runtime.zipfile = import_module("layer_cache")
    policies: Any = import_module("ministack.core.iam_evaluator")
    policies._fnmatch_compile = import_module("iam_wildcards").compile_pattern  # noqa: SLF001  nor for this
    sys.exit(import_module("ministack.app").main())
