"""The stand-in's own routes under /_ctl: faults, settings, the bill, and the journal."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import cast

from pydantic import JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin.bill import parse_micro_dollars
from backdrop_local.standin.fault_kinds import IMMEDIATE
from backdrop_local.standin.faults import FaultRule
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.state import Standin, StandinState

MAX_WAIT_SECONDS = 30.0


class ControlRoutes:
    """The control routes of one stand-in."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin

    def routes(self) -> list[Route]:
        """Returns all routes, without the /_ctl prefix."""
        return [
            Route("/health", self.health, methods=["GET"]),
            Route("/bill", self.bill, methods=["GET"]),
            Route("/inflight", self.inflight, methods=["GET"]),
            Route("/requests", self.requests, methods=["GET"]),
            Route("/accepted", self.accepted, methods=["GET"]),
            Route("/release", self.release, methods=["POST"]),
            Route("/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/settings", self.settings, methods=["GET", "POST"]),
            Route("/reset", self.reset, methods=["POST"]),
        ]

    @property
    def _state(self) -> StandinState:
        return self._standin.state

    async def health(self, request: Request) -> Response:
        """Reports that this server is a stand-in."""
        return JSONResponse({"status": "ok", "service": "Backdrop stand-in", "seed": self._standin.seed})

    async def bill(self, request: Request) -> Response:
        """`{"keys": [...], "total_usd": "0.84", "duplicates": [...]}`."""
        return JSONResponse(self._state.bill.build_report())

    async def inflight(self, request: Request) -> Response:
        """`{"accounts": [{provider, account, limit, now, peak, taken, refused, …}]}`."""
        return JSONResponse({"accounts": self._state.slots.build_report()})

    async def requests(self, request: Request) -> Response:
        """Returns the last requests. `?after=N` omits those numbered N or lower."""
        after = _read_integer(request, "after")
        return JSONResponse({"requests": [asdict(e) for e in self._state.journal.list_entries(after)]})

    async def accepted(self, request: Request) -> Response:
        """Returns accepted jobs numbered above `?after=N`. `&wait=S` waits up to S seconds for one."""
        wait = min(float(request.query_params.get("wait", "0")), MAX_WAIT_SECONDS)
        events = await self._state.journal.list_acceptances(_read_integer(request, "after"), wait)
        return JSONResponse({"accepted": [asdict(event) for event in events]})

    async def release(self, request: Request) -> Response:
        """Releases the jobs that `accept_then_wait` holds."""
        self._state.journal.release()
        return JSONResponse({})

    async def faults(self, request: Request) -> Response:
        """GET returns the rules, POST adds one rule or a list, DELETE removes all rules and balances."""
        if request.method == "DELETE":
            self._state.faults.clear()
            self._state.bill.clear_balances()
        if request.method == "POST":
            content = await _read_json(request)
            given = content if isinstance(content, list) else [content]
            rules = [FaultRule.model_validate(rule) for rule in given]
            for rule in rules:
                _apply_rule(self._state, rule)
        return JSONResponse({"rules": self._state.faults.build_report()})

    async def settings(self, request: Request) -> Response:
        """GET returns all settings, POST changes some of them from the next request on."""
        if request.method == "POST":
            content = await _read_json(request)
            if not isinstance(content, dict):
                raise ValueError("settings must be a JSON object")
            present = self._state.settings.model_dump(mode="json")
            self._state.settings = StandinSettings.model_validate({**present, **content})
        return JSONResponse(self._state.settings.model_dump(mode="json"))

    async def reset(self, request: Request) -> Response:
        """Clears the bill, faults, requests, and pictures, and restores every setting."""
        self._standin.reset()
        return JSONResponse({})


async def report_invalid_request(request: Request, error: Exception) -> Response:
    """Returns 400 and the reason for an invalid control request."""
    if isinstance(error, ValidationError):
        return JSONResponse({"error": "; ".join(_format_problems(error))}, 400)
    return JSONResponse({"error": str(error)}, 400)


def _format_problems(error: ValidationError) -> Iterable[str]:
    for problem in error.errors():
        path = ".".join(str(step) for step in problem["loc"])
        yield f"{path}: {problem['msg']}" if path else problem["msg"]


def _apply_rule(state: StandinState, rule: FaultRule) -> None:
    if rule.fault not in IMMEDIATE:
        state.faults.add(rule)
    elif rule.fault == "clock":
        state.clock.offset_seconds = float(rule.number_arg("offset_s", 0))
    else:
        state.bill.set_balance(rule.provider, rule.key, parse_micro_dollars(rule.text_arg("usd", "0")))
        state.out_of_money_status = rule.number_arg("status", 0) or None


async def _read_json(request: Request) -> JsonValue:
    return cast("JsonValue", await request.json())


def _read_integer(request: Request, name: str) -> int:
    return int(request.query_params.get(name, "0"))
