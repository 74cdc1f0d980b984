"""Watches whoever waits for a request: what was answered, when, and how the jobs stood then."""

import json
from collections import defaultdict
from datetime import datetime, timedelta

from proof.checker.books import Breach, Plain
from proof.checker.tokens import (
    Said,
    answer_breaches,
    called_off_breaches,
    note_breaches,
    silent_breaches,
    stopped_breaches,
)
from proof.simulate.cancels import meant
from proof.simulate.memory import Memory
from proof.simulate.people import People
from proof.world.wire import Call

# What render was told of an execution holds for so long.
KNOWN_FOR = timedelta(seconds=6)


class Tokens:
    """`history`: since when each job stood how. `asked_at`: when each request was written.

    `questions`: whether an execution still runs; how a call ended stands in it only after its worker was told.
    """

    def __init__(self, memory: Memory, people: People) -> None:
        self._memory, self._people = memory, people
        self._world = memory.world
        self._history: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._asked_at: dict[tuple[str, str], datetime] = {}
        self._questions: list[Call] = []

    def asked(self, before: Plain | None, after: Plain) -> list[Breach]:
        """Who waits is written: with the jobs, and when he was answered."""
        self._asked_at.setdefault((after["source_id"], after["request_id"]), self._world.clock.time)
        return note_breaches(before, after)

    def job(self, before: Plain | None, after: Plain, call: Call) -> list[Breach]:
        """A job is written."""
        self._history[after["job_id"]].append((self._world.clock.time, after["status"]))
        ended_here = before is not None and (before["status"], after["status"]) == ("accepted", "cancelled")
        if (
            not ended_here
            or not call.worker.startswith(("render", "reconcile"))
            or any(meant(self._people, job) for job in self._world.jobs(after["key"]) if job.job_id == after["job_id"])
        ):
            return []
        return called_off_breaches(after, running=not self._stopped(after, self._world.clock.time))

    def question(self, call: Call) -> None:
        """A worker asks Step Functions whether an execution still runs."""
        self._questions.append(call)

    def paid(self, call: Call) -> list[Breach]:
        """A paid call goes out. Who gets no answer takes an execution for running, as do those who ask soon after."""
        job, since = self._memory.jobs.get(str(call.sent["job"].job_id)), self._memory.began(call.worker) - KNOWN_FOR
        if job is None or any(one.ended and one.at >= since for one in self._questions):
            return []
        return stopped_breaches(job, stopped=self._stopped(job, since))

    def answered(self, call: Call) -> list[Breach]:
        """Step Functions took an answer."""
        token, began = call.sent["taskToken"], self._memory.began(call.worker)
        known = [one for one in self._memory.asked.values() if one["task_token"] == token]
        breaches = [answer_breaches(_said(call), one, self._could_be(one, began)) for one in known]
        return [] if [] in breaches else [breach for found in breaches[:1] for breach in found]

    def at_rest(self) -> list[Breach]:
        """What must be true when nothing happens any more."""
        memory, states = self._memory, self._world.states
        answered = {token: answer is not None for token, answer in states.answers.items()}
        return silent_breaches(answered, [*memory.asked.values()], memory.jobs, memory.excused())

    def _could_be(self, asked: Plain, began: datetime) -> dict[str, set[str]]:
        """How a request's jobs stood since its answerer had begun; what they were before it was asked is no answer."""
        since = max(began, self._asked_at[asked["source_id"], asked["request_id"]])
        return {job: self._since(job, since) for job in asked["jobs"].values()}

    def _since(self, job_id: str, moment: datetime) -> set[str]:
        """How a job stood at a moment, and since."""
        history = self._history[job_id]
        before = [status for at, status in history if at <= moment][-1:]
        return {*before, *(status for at, status in history if at > moment)}

    def _stopped(self, job: Plain, moment: datetime) -> bool:
        """Whether all executions that wait for a job had stopped by then."""
        waiting = [one for one in self._memory.asked.values() if job["job_id"] in one["jobs"].values()]
        arns = [one["execution_arn"] for one in waiting if not one["answered_at"]]
        stops = [self._people.stopped.get(arn) for arn in arns]
        return bool(stops) and all(stop is not None and stop <= moment for stop in stops)


def _said(call: Call) -> Said:
    if "error" in call.sent:
        return Said(call.sent["error"], frozenset())
    return Said("", frozenset(str(job["job_id"]) for job in json.loads(call.sent["output"])["jobs"]))
