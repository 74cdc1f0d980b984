"""Looks at the world after every step, as plain data, and holds each promise against it."""

from collections import defaultdict
from datetime import datetime

from backdrop.model.object_keys import spooled_answer_key
from proof.checker.books import Breach, Ledger, Plain, Promise, plain
from proof.checker.calls import retry_breaches, reuse_breaches, shape
from proof.checker.changes import (
    cap_breaches,
    crash_breaches,
    fence_breaches,
    lane_breaches,
    lease_breaches,
    lift_breaches,
    patience_breaches,
    picture_write_breaches,
    wanted_breaches,
    way_breaches,
)
from proof.checker.rest import alone_breaches, deaths_breaches
from proof.simulate.bills import Bills
from proof.simulate.cancels import Cancels
from proof.simulate.deaths import Deaths
from proof.simulate.instructed import Resolutions, reruns
from proof.simulate.memory import Lane, Memory
from proof.simulate.past import Past
from proof.simulate.people import PERSON, People
from proof.simulate.sends import Sends
from proof.simulate.tokens import Tokens
from proof.world.functions import Function
from proof.world.sqs import Message
from proof.world.stack import World
from proof.world.wire import Call

# Five in a row are counted, and then nobody opens the photo; each kills a worker.
MOST_DEATHS = 5


class Watch:
    """Notes `breaches` with the number of the call after which they showed.

    `died`: ids and codes of all jobs that were ever dead. `paused_at`: when a paused lane was written, by lane.
    """

    def __init__(self, world: World, people: People) -> None:
        self.breaches: list[tuple[int, Breach]] = []
        self.died: set[tuple[str, str]] = set()
        self.paused_at: defaultdict[str, list[datetime]] = defaultdict(list)
        self.memory = Memory(world)
        self.bills = Bills(self.memory, people)
        self.resolutions = Resolutions(self.memory, people, Past(world))
        self.tokens = Tokens(self.memory, people)
        self._world = world
        self._people = people
        self._sends = Sends(self.memory, people)
        self._cancels = Cancels(self.memory, people)
        self._holders: dict[str, str] = {}
        self._told_at: dict[str, datetime] = {}
        self._runner = ""
        self._deaths = Deaths(self.memory)
        world.wire.before.append(self._sent)
        world.wire.heard.append(self._heard)
        world.functions.recursed.append(self._recursed)

    def found(self, breaches: list[Breach]) -> None:
        """Note what is broken."""
        self.breaches += [(len(self._world.wire.calls), breach) for breach in breaches]

    def a_death(self) -> None:
        """A worker died of the poisoned photo; as long as nobody gives it up, that must not happen often."""
        self._deaths.count()
        self.found(deaths_breaches(self._deaths.in_a_row, MOST_DEATHS))

    def _sent(self, call: Call) -> None:
        if (call.service, call.operation) == ("provider", "call"):
            self.found(self._sends.breaches(call))
            self.found(self.tokens.paid(call))
            self.found(self._cancels.breaches(call))
        elif (call.service, call.operation) == ("provider", "look_up"):
            self._sends.looked_up(call)
        elif call.operation == "describe_execution":
            self.tokens.question(call)

    def _heard(self, call: Call) -> None:
        if call.service == "dynamodb":
            self._ledger_written(call)
        elif call.service == "s3":
            self._output_written(call)
        elif call.operation == "send_message" and call.sent["QueueUrl"] == self._world.dead_letters.url:
            self._letter_sent(call)
        elif call.operation in ("send_task_success", "send_task_failure"):
            self.found(self.tokens.answered(call))

    def _recursed(self, function: Function, message: Message) -> None:
        """A function ran too often in one chain; Lambda would stop it, or it may recurse and has come no further."""
        self.found([Breach(Promise.CHAINS_END, f"{function.name}: {message.body}")])

    # -- the ledger -----------------------------------------------------------------------------------------

    def _ledger_written(self, call: Call) -> None:
        """A photo's place before its jobs, since it says which of them are named."""
        changed, self._world.table.changed = self._world.table.changed, set()
        for key in sorted(changed, key=lambda key: (key[1] != "source", key)):
            self._item(key, call)
        if changed:
            jobs = (self.memory.jobs[kind[4:]] for _, kind in sorted(changed) if kind.startswith("job#"))
            self.found(self.bills.of(jobs))
            self.found(self.resolutions.breaches(call))

    def _item(self, key: tuple[str, str], call: Call) -> None:
        item, (kind, _, name) = self._world.table.items[key], key[0].partition("#")
        if kind == "budget":
            self._day(name, {field: int(value["N"]) for field, value in item.items() if "N" in value})
        elif kind == "content":
            if key[1] == "owner":
                self.memory.owners[name] = item["job_id"]["S"]
        else:
            revision = int(item["lock_version"]["N"])
            self.found(fence_breaches(f"{key[0][:15]} {key[1][:12]}", self.memory.revisions.get(key, 0), revision))
            self.memory.revisions[key] = revision
            self._record(kind, name, key[1], plain(item["body"]["S"]), call)

    def _record(self, kind: str, name: str, sort_key: str, body: Plain, call: Call) -> None:
        if kind == "reconcile":
            self._run(body, call)
        elif kind == "lane":
            self._lane(name, body, call.worker)
        elif sort_key == "source":
            self._source(self.memory.sources.get(name), body, by_person=self._by_person(call.worker, body["key"]))
            self.memory.sources[name] = body
        elif sort_key.startswith("asked#"):
            self.found(self.tokens.asked(self.memory.asked.get((name, body["request_id"])), body))
            self.memory.asked[name, body["request_id"]] = body
        else:
            self._job(self.memory.jobs.get(body["job_id"]), body, call)
            self.memory.jobs[body["job_id"]] = body

    def _by_person(self, worker: str, key: str) -> bool:
        """Whether a photo's place is written by a person's command, or by who carries one out."""
        return worker.startswith(PERSON) or (worker != "" and reruns(self.memory.invocation(worker), key))

    def _day(self, day: str, sums: dict[str, int]) -> None:
        before, self.memory.days[day] = self.memory.days.get(day, {}), sums
        cap = sums.get("cap", self._world.setup.budget)
        self.found(cap_breaches(day, before.get("committed", 0), sums.get("committed", 0), cap))

    def _run(self, after: Plain, call: Call) -> None:
        """Reconcile's own item: nobody begins while another run is at work."""
        if after["locked_until"] and self._runner and self._runner != call.worker and self.memory.lives(self._runner):
            self.found([Breach(Promise.ONE_RUN, f"{call.worker} begins while {self._runner} is at work")])
        self._runner = call.worker if after["locked_until"] else ""

    def _lane(self, provider: str, body: Plain, worker: str) -> None:
        lane = self.memory.lanes.setdefault(provider, Lane())
        if not self._people.wrong_clocks:
            self.found(lane_breaches(lane.body, body, self._world.clock.time))
        if not worker.startswith(PERSON):
            self.found(lift_breaches(lane.body, body, probed=worker in self._sends.probed))
        if body["pauses"]:
            self.paused_at[provider].append(self._world.clock.time)
        if shape(lane.body) != shape(body):
            lane.since = self._world.clock.time
            self._sends.forget_probes(provider)
        lane.body = body

    def _source(self, before: Plain | None, after: Plain, *, by_person: bool) -> None:
        self.found(alone_breaches(Ledger({"": after}, {}, {}), self._people.untouched))
        self.found(crash_breaches(before, after))
        self._deaths.written(after, before)
        self.resolutions.note(before, after)
        if not self._people.jumping_clocks and not by_person:
            self.found(patience_breaches(before, after, self._world.setup.settle_seconds))

    def _job(self, before: Plain | None, after: Plain, call: Call) -> None:
        self._held(before, after, call)
        self._ended(before, after)
        self._deaths.written(after)
        self.found(crash_breaches(before, after))
        self.found(way_breaches(before, after, by_person=call.worker.startswith(PERSON)))
        self.found(wanted_breaches(before, after, self.memory.sources[after["source_id"]]["jobs"].values()))
        self.found(retry_breaches(after, most_lost=self.bills.retries(after)))
        self.found(reuse_breaches(before, after))
        self.found(self.resolutions.twins(before, after))
        self.found(self.tokens.job(before, after, call))

    def _held(self, before: Plain | None, after: Plain, call: Call) -> None:
        """Who is at work on a job under way, and whether somebody else moves it."""
        job_id, holder = str(after["job_id"]), self._holders.get(str(after["job_id"]), "")
        others = holder not in ("", call.worker) and not self._people.useless_clocks
        if before and others and self.memory.lives(holder):
            kept = self._world.output.current(spooled_answer_key(job_id, before["attempt_no"])) is not None
            self.found(lease_breaches(before, after, holder, kept=kept))
        if after["status"] == "submitting" and (before is None or _lease(before) != _lease(after)):
            self._holders[job_id] = call.worker
        elif after["status"] != "submitting":
            self._holders.pop(job_id, None)

    def _ended(self, before: Plain | None, after: Plain) -> None:
        """What died, of what, and when people were told of it."""
        if after["status"] == "dead":
            self.died.add((after["job_id"], after["problem"]["code"]))
        if not after["announced"]:
            self._told_at.pop(after["job_id"], None)
        elif before is None or not before["announced"]:
            self._told_at[after["job_id"]] = self._world.clock.time

    # -- letters and pictures -------------------------------------------------------------------------------

    def _letter_sent(self, call: Call) -> None:
        """A failure that was told is not told again by whoever began after that."""
        job_id = call.sent.get("MessageAttributes", {}).get("job_id", {}).get("StringValue", "")
        told_at = self._told_at.get(job_id)
        if told_at and call.worker and self.memory.began(call.worker) > told_at:
            self.found([Breach(Promise.LETTERS_TRUE, f"{self.memory.jobs[job_id]['key']}: told again")])

    def _output_written(self, call: Call) -> None:
        output, changed = self._world.output, self._world.output.changed
        for key in sorted(changed):
            versions = [version for version in output.objects[key] if version.data is not None]
            if not key.startswith("_backdrop/") and len(versions) > 1:
                under, over = (version.metadata.get("backdrop-job", "") for version in versions[-2:])
                if not self._looked(call.worker, key, versions[-2].modified):
                    self.found(picture_write_breaches(key, under, over, self.memory.named()))
        changed.clear()

    def _looked(self, worker: str, key: str, since: datetime) -> bool:
        """Whether a worker looked at an object as it is since then, and at the ledger behind that."""
        asked = False
        for call in reversed(self._world.wire.calls):
            if call.at < since:
                return False
            asked = asked or (call.worker == worker and call.operation == "query")
            if asked and call.worker == worker and (call.operation, call.sent.get("Key")) == ("head_object", key):
                return True
        return False


def _lease(job: Plain) -> object:
    return next((one["lease_until"] for one in job["attempts"] if one["n"] == job["attempt_no"]), None)
