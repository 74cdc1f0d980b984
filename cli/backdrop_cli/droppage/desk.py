"""The page's side of the stack: each thing that its script can ask for, and what has been sent since it was served."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Any

from backdrop.model.capabilities import CAPABILITIES
from backdrop.model.error_catalog import CODES
from backdrop.model.errors import BackdropError
from backdrop.model.object_keys import Kind, folder_of, kind_of
from backdrop.model.pricing import usd_text
from backdrop_cli.drop import pace
from backdrop_cli.drop.sidecars import Answer
from backdrop_cli.drop.tell import bound_to, price_text, seconds_of
from backdrop_cli.droppage import asked
from backdrop_cli.droppage.asked import Said
from backdrop_cli.droppage.drops import Drop
from backdrop_cli.droppage.plan import PagePlanner, Plan, Row, undecided
from backdrop_cli.droppage.signed import Signed
from backdrop_cli.droppage.small import Small
from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.operate.budget import left_today
from backdrop_cli.screen import several
from backdrop_cli.stack import Stack
from backdrop_cli.words import duration

MOST_LISTED, MOST_FOLDERS = 1000, 200
MOST_PLANS = 8
MOST_PHOTOS_AT_A_TIME = 2000

type Response = Mapping[str, Any]


@dataclass
class Desk:
    """What one served page knows. It is asked by several threads at a time."""

    stack: Stack
    signed: Signed
    drops: list[Drop] = field(default_factory=list[Drop])

    def __post_init__(self) -> None:
        self.small = Small(self.stack.buckets.read)
        self._lock = Lock()
        self._plans: deque[tuple[int, Plan]] = deque(maxlen=MOST_PLANS)
        self._numbers = iter(range(1, 1 << 30))
        self._objections: dict[str, BackdropError] = {}
        self._call: float | None = None
        self._knows_call = False

    def about(self) -> Response:
        """What the page is of, and what can be picked."""
        asking = self.stack.reruns.asking
        styles = [one for one in self.stack.providers if "style_preset" in CAPABILITIES.get((one, "replace"), {})]
        return {
            "stack": self.stack.name,
            "standins": sorted(self.stack.standins),
            "providers": self.stack.providers,
            "default_provider": asking.default_provider,
            "styles": bool(styles),
            "folder": f"photos-{self.stack.clock.now():%Y-%m-%d}",
            "folders": self._folders(),
        }

    def _folders(self) -> list[str]:
        """Some folders that there are."""
        keys = (one.key for one in islice(self.stack.photos.listed(self.stack.input_bucket, ""), MOST_LISTED))
        folders = dict.fromkeys(folder_of(key).rstrip("/") for key in keys if kind_of(key) is not Kind.IGNORED)
        return sorted(one for one in folders if one)[:MOST_FOLDERS]

    # -- before it goes ------------------------------------------------------------------------------------

    def look(self, said: Said) -> Response:
        """Which of these files are no photos, by their first bytes."""
        found: dict[str, dict[str, str]] = {}
        for one in asked.rows(said, "files"):
            error = asked.objection(one)
            if error:
                sha256 = asked.text(one, "sha256")
                self._objections[sha256] = error
                found[sha256] = {"code": error.code.value, "message": str(error.message)}
        return {"objections": found}

    def plan(self, said: Said) -> Response:
        """What would become of the photos, and what that costs at most."""
        files = asked.rows(said, "files")
        if len(files) > MOST_PHOTOS_AT_A_TIME:
            raise MisusedError(
                f"a page takes {MOST_PHOTOS_AT_A_TIME:,} photos at a time, and there are {len(files):,}; send some of "
                "them, or all of them with `backdrop drop`"
            )
        wanted = asked.wanted(said)
        planner = PagePlanner(self.stack, wanted, [asked.offered(one) for one in files], self._objections)
        disputed = planner.disputed()
        plans = {one: planner.plan(one) for one in (Answer if disputed else (wanted.answer,))}
        if disputed and wanted.answer is None:
            plan = undecided(plans[Answer.REPLACE], disputed)
        else:
            plan = plans[wanted.answer]
        with self._lock:
            number = next(self._numbers)
            self._plans.append((number, plan))
        costs = {one.value: price_text(plans[one]) for one in Answer} if disputed else {}
        return {**self._told(number, plan), "choice": {"photos": len(disputed), **costs} if disputed else None}

    def _told(self, number: int, plan: Plan) -> Response:
        return {
            "plan": number,
            "undecided": plan.undecided,
            "photos": len(plan.acting),
            "there": sum(not row.acts and not row.problems for row in plan.rows),
            "refused": sum(bool(row.problems) for row in plan.rows),
            "kept": plan.kept,
            "passed_over": list(plan.passed_over),
            "price": usd_text(plan.price),
            "images": plan.images,
            "asks": plan.asks,
            "time": self._time(plan),
            "warnings": self._warnings(plan),
            "rows": [_row(row) for row in plan.rows],
        }

    def _time(self, plan: Plan) -> str:
        """How long all may take, by the calls of the newest receipts."""
        if not plan.jobs:
            return ""
        if not self._knows_call:
            self._call, self._knows_call = pace.of_receipts(self.stack), True
        if self._call is None:
            return ""
        return f"about {duration(seconds_of(self.stack, plan.jobs, self._call))}"

    def _warnings(self, plan: Plan) -> list[str]:
        words: list[str] = []
        left = left_today(self.stack) if plan.price else 0
        if plan.price > left:
            words.append(
                f"Today's budget has {usd_text(left)} left; what it does not cover waits for the next day (UTC)."
            )
        for name in bound_to(plan.jobs):
            for pause in self.stack.keeper.ledger.lane(name).pauses:
                words.append(f"{name} is paused ({pause.code.value}): {CODES[pause.code].meaning} Photos wait for it.")
        return words

    # -- on its way ----------------------------------------------------------------------------------------

    def start(self, said: Said) -> Response:
        """Begin what was planned; RefusedError where somebody should say yes first and did not."""
        with self._lock:
            number = asked.number(said, "plan")
            plan = next((plan for known, plan in self._plans if known == number), None)
            if plan is None:
                raise RefusedError("these photos were sent already, or the price is an old one; look at it again")
            if plan.undecided:
                raise RefusedError("nothing was sent; choose what to do with the instructions that a person wrote")
            if plan.asks and said.get("agreed") is not True:
                raise RefusedError(f"nothing was sent; say yes to {_question(plan)} first")
            self._plans.clear()
            drop = Drop(self.stack, self.signed, self.small, len(self.drops) + 1, plan, self.stack.clock.now())
            self.drops.append(drop)
        return {"drop": drop.number, "keys": [row.key for row in plan.acting]}

    def form(self, said: Said) -> Response:
        """Where one photo's bytes go; its words lie there before that is said."""
        form = self._drop(said).form(asked.text(said, "key"))
        return {"form": form and {"url": form.url, "fields": dict(form.fields)}}

    def arrived(self, said: Said) -> Response:
        """Whether one photo lies in the bucket."""
        return {"arrived": self._drop(said).arrived(asked.text(said, "key"))}

    def state(self, said: Said) -> Response:
        """How far everything is, and the results that the page does not have; it says how many it has of each drop."""
        known = {asked.number(one, "drop"): asked.number(one, "known") for one in asked.rows(said, "drops")}
        found: list[Response] = []
        for drop in tuple(self.drops):
            drop.look()
            many, results = drop.results(known.get(drop.number, 0))
            found.append({**drop.document(), "known": many, "results": results})
        return {"drops": found}

    def _drop(self, said: Said) -> Drop:
        number = asked.number(said, "drop")
        if not 0 < number <= len(self.drops):
            raise MisusedError("`backdrop page` was started again since, and does not know this drop; load it again")
        return self.drops[number - 1]


def _question(plan: Plan) -> str:
    return f"{several(len(plan.acting), 'photo')}, up to {usd_text(plan.price)},"


def _row(row: Row) -> Response:
    return {
        "key": row.key,
        "name": row.photo.name,
        "goes": row.acts,
        "price": usd_text(row.price) if row.jobs else "",
        "note": row.note,
        "problems": [dict(zip(("code", "message", "hint"), one, strict=True)) for one in row.problems],
    }
