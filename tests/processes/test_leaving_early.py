"""A program that stops waiting for pictures goes on at once, and can exit: no thread keeps waiting for it."""

import subprocess
import sys

import pytest

# The photos of this client are never finished. A program that still has a thread that waits for one would run for
# ten minutes.
CLIENT = """
import asyncio
import time
from datetime import UTC, datetime
from types import SimpleNamespace

from backdrop_client import AsyncBackdrop, Backdrop, State, client
from backdrop_client.jobs import Job
from backdrop_client.outcome import Outcome

UNFINISHED = (None, Outcome(State.WORKING))
Job._read = lambda self: UNFINISHED if self.key != "b'done'" else (None, Outcome(State.STORED))
Job._find_hold_up = lambda self, receipt, outcome: outcome
client.submit = lambda connection, open_folder, photo, fields: Job(str(photo), connection, open_folder)
clock = SimpleNamespace(now=lambda: datetime.now(UTC))
bootstrap = SimpleNamespace(clock=clock, settings=SimpleNamespace(input_bucket="in"))
backdrop = Backdrop(prefix="a/", connection=SimpleNamespace(bootstrap=bootstrap, sleep=time.sleep, reader=None))
PHOTOS = [b"done", b"1", b"2", b"3"]
"""
CANCELED_TASK = """
async def run():
    job = await AsyncBackdrop(backdrop).create(b"1")
    tasks = [asyncio.create_task(job.wait()) for _ in range(3)]
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    print(len(await asyncio.gather(*tasks, return_exceptions=True)), flush=True)

asyncio.run(run())
"""
TIMEOUT = """
async def run():
    job = await AsyncBackdrop(backdrop).create(b"1")
    try:
        async with asyncio.timeout(0.2):
            await job.wait()
    except TimeoutError:
        print(3, flush=True)

asyncio.run(run())
"""
CANCELED_BATCH = """
async def consume():
    async for item in AsyncBackdrop(backdrop).map(PHOTOS[1:], in_flight={in_flight}):
        raise AssertionError(item)

async def run():
    task = asyncio.create_task(consume())
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    print(3, flush=True)

asyncio.run(run())
"""
LEFT_ASYNC_FOR = """
async def run():
    async for item in AsyncBackdrop(backdrop).map(PHOTOS):
        break
    print(3, flush=True)

asyncio.run(run())
"""
# The global variable keeps the generator until the program has ended, so that nothing closes it.
LEFT_FOR = """
batch = backdrop.map(PHOTOS)
for item in batch:
    break
print(3, flush=True)
"""
PROGRAMS = {
    "canceled task": CANCELED_TASK,
    "asyncio.timeout": TIMEOUT,
    "canceled batch": CANCELED_BATCH.format(in_flight=3),
    "canceled batch of one at a time": CANCELED_BATCH.format(in_flight=1),
    "async for": LEFT_ASYNC_FOR,
    "for": LEFT_FOR,
}
MAX_SECONDS = 30


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_program_that_stops_waiting_can_exit(program: str) -> None:
    command = [sys.executable, "-c", CLIENT + program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=MAX_SECONDS, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "3\n", "")
