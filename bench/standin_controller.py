"""Controls a local cloud's stand-in for a bench: its settings and its journal."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from bench.drain.slot_losses import TimedCall

PROVIDER_PATH = "/ideogram"
PAID_PREFIX = f"{PROVIDER_PATH}/v1/"
_MAX_WAIT_SECONDS = 25
_TIMEOUT_SECONDS = 60
_OK = 200


@dataclass(frozen=True)
class StandinLog:
    """Answered paid calls in the order in which they started, and counts of all other responses, by description."""

    calls: tuple[TimedCall, ...]
    problems: dict[str, int]


@dataclass(frozen=True)
class StandinController:
    """Calls a stand-in's control routes."""

    url: str

    def call(self, route: str, body: object = None) -> Any:
        """Returns a route's response. Sends a POST request if there is a body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}/_ctl/{route}", data, headers)  # noqa: S310  the local stand-in
        with build_opener(ProxyHandler({})).open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.load(answer)

    def reset(self, seconds: float, limit: int) -> None:
        """Clears the stand-in, and sets its latency and its limit of calls in flight."""
        self.call("reset", {})
        settings = {"latency_seconds": seconds, "in_flight_limit": limit, "pictures": "prepared"}
        self.call("settings", settings)

    def has_accepted(self, number: int) -> bool:
        """Returns whether this many jobs have been accepted. Waits a while for the last one."""
        wait = f"accepted?after={number - 1}&wait={_MAX_WAIT_SECONDS}"
        return bool(self.call(wait)["accepted"])

    def read_log(self) -> StandinLog:
        """Returns all requests since the last reset."""
        return parse_journal(self.call("requests")["requests"])


def parse_journal(entries: list[dict[str, Any]]) -> StandinLog:
    """Parses the journal's entries."""
    calls, problems = list[TimedCall](), dict[str, int]()
    for one in entries:
        if one["status"] != _OK or one["fault"]:
            problem = f"{one['method']} {one['path']}: {one['fault'] or one['outcome']}"
            problems[problem] = problems.get(problem, 0) + 1
        elif one["method"] == "POST" and one["path"].startswith(PAID_PREFIX):
            calls.append(TimedCall(one["started"], one["read"], one["ended"], one["latency_seconds"]))
    return StandinLog(tuple(sorted(calls, key=lambda call: call.began)), problems)
