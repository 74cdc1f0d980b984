"""The stand-in of a local cloud as a bench handles it: what it shall do, and what it saw."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from bench.drain.slots import PaidCall

PROVIDER_PATH = "/ideogram"
PAID = f"{PROVIDER_PATH}/v1/"
_LONGEST_WAIT_SECONDS = 25
_PATIENCE_SECONDS = 60
_OK = 200


@dataclass(frozen=True)
class Seen:
    """Answered paid calls in the order of their beginning, and how often anything else was answered, by what."""

    calls: tuple[PaidCall, ...]
    troubles: dict[str, int]


@dataclass(frozen=True)
class StandinControl:
    """Speaks to a stand-in's own routes."""

    url: str

    def ask(self, what: str, said: object = None) -> Any:
        """Its books, or something that it is told."""
        data = None if said is None else json.dumps(said).encode()
        headers = {"Content-Type": "application/json"}
        asked = Request(f"{self.url}/_ctl/{what}", data, headers)  # noqa: S310  our own stand-in
        with build_opener(ProxyHandler({})).open(asked, timeout=_PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def begin(self, seconds: float, limit: int) -> None:
        """Forget everything, and from now on take so long for a call, and so many at a time."""
        self.ask("reset", {})
        settings = {"latency_seconds": seconds, "in_flight_limit": limit, "pictures": "prepared"}
        self.ask("settings", settings)

    def accepted(self, number: int) -> bool:
        """Whether so many jobs have been accepted; waits a while for the last of them."""
        wait = f"accepted?after={number - 1}&wait={_LONGEST_WAIT_SECONDS}"
        return bool(self.ask(wait)["accepted"])

    def seen(self) -> Seen:
        """All requests since it began."""
        return seen(self.ask("requests")["requests"])


def seen(entries: list[dict[str, Any]]) -> Seen:
    """What the journal's entries say."""
    calls, troubles = list[PaidCall](), dict[str, int]()
    for one in entries:
        if one["status"] != _OK or one["fault"]:
            what = f"{one['method']} {one['path']}: {one['fault'] or one['outcome']}"
            troubles[what] = troubles.get(what, 0) + 1
        elif one["method"] == "POST" and one["path"].startswith(PAID):
            calls.append(PaidCall(one["started"], one["read"], one["ended"], one["latency_seconds"]))
    return Seen(tuple(sorted(calls, key=lambda call: call.began)), troubles)
