"""Starts the emulator with changes, so that it replaces code as AWS does: a running invocation ends in its own code.

When a function changes, the emulator kills its workers, even those that are running an invocation, and blocks while
it deletes their files. Here, each worker ends when it is idle, in a separate thread. The emulator also unpacks every
layer for every worker. Here, it unpacks each layer once: a cold start of ten workers would unpack 40,000 files.
Policies also match keys with line breaks, and evaluate the conditions that ours have. In tests, workers are
forked from a process that has imported their packages.
"""

import os
import sys
from importlib import import_module
from threading import Thread
from typing import Any

lambda_runtime: Any = import_module("ministack.core.lambda_runtime")
kill_at_once = lambda_runtime.kill_workers


def kill_when_idle(worker: Any) -> None:
    """Kills a worker when its handler has returned: a worker holds its lock while its handler runs."""
    with worker._lock:  # noqa: SLF001  ministack has no public access to it
        kill_at_once([worker])


def kill_workers(workers: list[Any]) -> None:
    """Kills each worker, already removed from the emulator's pool, when it is idle."""
    for worker in workers:
        Thread(target=kill_when_idle, args=(worker,), daemon=True).start()


if __name__ == "__main__":
    lambda_runtime.kill_workers = kill_workers
    lambda_runtime.zipfile = import_module("layer_cache")
    policies: Any = import_module("ministack.core.iam_evaluator")
    policies._fnmatch_compile = import_module("iam_wildcards").compile_pattern  # noqa: SLF001  see above
    import_module("policy_conditions").install(import_module("ministack.core.iam_actions"), policies)
    if "FORK_WORKERS" in os.environ:
        lambda_runtime.subprocess = import_module("worker_template").ForkingSubprocess
    sys.exit(import_module("ministack.app").main())
