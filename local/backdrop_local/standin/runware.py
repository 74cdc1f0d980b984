"""Runware as the stand-in speaks it: one address that takes a list of tasks, each with an id of the caller's."""

import asyncio
import json
from typing import cast

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin import cdn, runware_rules
from backdrop_local.standin.bodies import Body, InvalidFieldError
from backdrop_local.standin.calls import Question, RefusedError
from backdrop_local.standin.faults import Hit, Phase
from backdrop_local.standin.paid import Noted, PaidCall
from backdrop_local.standin.runs import Failure, Run, Status
from backdrop_local.standin.runware_answers import (
    INFERENCE,
    RESULT_PATH,
    Outcome,
    Task,
    TaskManner,
    code_of,
    refusal,
    told,
)
from backdrop_local.standin.runware_delivery import Answering, put_results, tell
from backdrop_local.standin.runware_questions import MEMORY, TASKS, image_of
from backdrop_local.standin.state import state_of
from backdrop_local.standin.wishes import Wish

PROVIDER = "runware"


async def serve(request: Request) -> Response:
    """POST /v1: every task in its order, each answered by elements of `data` or of `errors`."""
    try:
        content = cast("JsonValue", json.loads(await request.body()))
    except ValueError:
        content = None
    tasks = [task for task in content if isinstance(task, dict)] if isinstance(content, list) else []
    key = _key(request, tasks)
    if not isinstance(content, list) or not tasks or len(tasks) != len(content):
        body = TaskManner({}).errors("invalidRequest", "The body must be a list of tasks.")
        raise RefusedError(JSONResponse(body, 400), "the body is no list of tasks")
    return _answer(request, [await _outcome(request, key, task) for task in tasks])


ROUTES = [Route("/v1", serve, methods=["POST"])]


def plain_error(status: int) -> Response:
    """A path or verb that is not there."""
    code = "notFound" if status == 404 else "methodNotAllowed"
    return JSONResponse(TaskManner({}).errors(code, "There is nothing at this path."), status)


def _key(request: Request, tasks: list[Task]) -> str | None:
    """The bearer key, or that of an authentication task at the list's head."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    first = tasks[0] if tasks else {}
    return str(first.get("apiKey", "")) if first.get("taskType") == "authentication" else None


async def _outcome(request: Request, key: str | None, task: Task) -> Outcome:
    try:
        if task.get("taskType") == INFERENCE:
            return await _infer(PaidCall(request, PROVIDER, INFERENCE, key=key, manner=TaskManner(task)), task)
        return await _asked(request, key, task)
    except RefusedError as refused:
        errors = _errors_in(refused.answer)
        if errors is None:
            raise
        return Outcome(errors=errors, status=refused.answer.status_code)


def _errors_in(answer: Response) -> list[JsonValue] | None:
    """The errors of a refusal in Runware's own words; None of any other (a page, a broken connection)."""
    if not isinstance(answer, JSONResponse):
        return None
    content = cast("JsonValue", json.loads(bytes(answer.body)))
    errors = content.get("errors") if isinstance(content, dict) else None
    return errors if isinstance(errors, list) else None


async def _infer(call: PaidCall, task: Task) -> Outcome:
    """imageInference: the results, or with `async` an acknowledgement."""
    call.prompt = str(task.get("positivePrompt", ""))
    await call.arrive()
    await call.pass_gate()
    ident = _task_uuid(task)
    if _is_remembered(call, ident):
        status = call.state.settings.runware_conflict_status
        raise refusal(task, status, "conflictTaskUUID", "This taskUUID is already used.", "taskUUID")
    wish = await _wish(call, task)
    hit = call.meet(Phase.RUN)
    gone_out, heard = asyncio.Event(), asyncio.Event()
    terms = {name: task[name] for name in runware_rules.TERMS if name in task}

    async def afterwards(run: Run) -> None:
        await put_results(call, run)
        call.state.runs.background(tell(call, run, gone_out, heard))

    run = call.begin(wish, hit, provider_id=ident, failure=_failure(call, hit), terms=terms, afterwards=afterwards)
    call.state.uploads.keep(PROVIDER, call.owner.account, MEMORY + ident, json.dumps([task]).encode())
    if hit is not None and hit.rule.fault == "early_webhook":
        await heard.wait()
    waits = terms.get("deliveryMethod") != "async" or (hit is not None and hit.rule.fault == "early_result")
    if waits:
        await run.done.wait()
    await call.delay(hit)
    outcome = await told(call, run) if waits else _acknowledged(call, run)
    outcome.call, outcome.hit, outcome.run, outcome.gone_out = call, hit, run, gone_out
    return outcome


def _task_uuid(task: Task) -> str:
    ident = Body(task)
    try:
        ident.require("taskUUID")
        return ident.match("taskUUID", runware_rules.UUID4) or ""
    except InvalidFieldError as invalid:
        raise refusal(task, 400, code_of(invalid), str(invalid), invalid.name) from None


def _is_remembered(call: PaidCall, ident: str) -> bool:
    """Whether this id was used already; after their end ids may be forgotten, by a setting."""
    run = call.state.runs.find(PROVIDER, ident, call.owner.account)
    kept = call.state.settings.runware_remembers_seconds
    if run is None:
        return False
    return run.status is not Status.DONE or kept is None or call.state.clock.now() <= run.ended_at + kept


async def _wish(call: PaidCall, task: Task) -> Wish:
    body = Body(task)
    if task.get("model") != runware_rules.MODEL:
        missing = "model" not in task
        code, status = ("missingModel", 400) if missing else ("modelNotFound", 404)
        raise refusal(task, status, code, f"There is no model {task.get('model')!r}.", "model")
    try:
        return await runware_rules.read(body, call.state.settings, lambda image: image_of(call, image))
    except InvalidFieldError as invalid:
        raise refusal(task, 400, code_of(invalid), str(invalid), invalid.name) from None


def _failure(call: PaidCall, hit: Hit | None) -> Failure | None:
    """Why the task will fail, where a fault says so."""
    if hit is not None and hit.rule.fault == "job_fails":
        code = hit.rule.text("code", "inferenceError")
        return Failure(hit.rule.text("message", "The external provider failed"), code)
    if hit is not None and hit.rule.fault == "unsafe" and call.unsafe_form(hit) == "code":
        return Failure("The content was blocked by the provider", "providerContentPolicyViolation")
    return None


def _acknowledged(call: PaidCall, run: Run) -> Outcome:
    ack: list[JsonValue] = [{"taskType": INFERENCE, "taskUUID": run.id}]
    return Outcome(data=ack if call.state.settings.runware_ack == "task" else [])


async def _asked(request: Request, key: str | None, task: Task) -> Outcome:
    """Every task that buys nothing."""
    kind = str(task.get("taskType", ""))
    question = Question(request, PROVIDER, kind, key=key, manner=TaskManner(task))
    await question.arrive()
    ident = str(task.get("taskUUID", ""))
    known = question.state.runs.find(PROVIDER, ident, question.owner.account)
    question.prompt = known.prompt if known else ""
    await question.pass_gate()
    if kind not in TASKS:
        raise refusal(task, 400, "invalidTaskType", f"There is no taskType {kind!r}.", "taskType")
    outcome = await TASKS[kind](question, task, None if question.gone else known)
    outcome.call, outcome.hit = question, question.meet(Phase.RUN)
    await question.delay(outcome.hit)
    return outcome


def _answer(request: Request, outcomes: list[Outcome]) -> Response:
    """All tasks' elements in one answer; its status is an error's only where nothing went well."""
    data = [item for outcome in outcomes for item in outcome.data]
    errors = [error for outcome in outcomes for error in outcome.errors]
    status = max((outcome.status for outcome in outcomes), default=200)
    if data or state_of(request.scope).settings.runware_errors_in_200:
        status = 200
    lone = len(data) == 1 and outcomes[0].object_data
    content: Task = {"data": data[0] if lone else data}
    answer: Response = JSONResponse({**content, "errors": errors} if errors else content, status)
    struck = next((outcome for outcome in outcomes if outcome.call is not None and outcome.hit is not None), None)
    if struck is not None and struck.call is not None:
        answer = struck.call.spoiled(answer, struck.hit)
    for outcome in outcomes:
        if outcome.run is not None and outcome.run.job is not None and outcome.gone_out is not None:
            answer = Answering(Noted(answer, outcome.run.job), outcome.gone_out)
    return answer


def _refused_download(request: Request, ident: str) -> Response | None:
    """404 after the result's time."""
    state = state_of(request.scope)
    job = state.bill.job_of_result(ident)
    run = state.runs.of_job(job.id) if job else None
    if run is None:
        return None
    ttl = run.terms.get("ttl")
    life = ttl if isinstance(ttl, int) else state.settings.link_life_seconds
    return None if run.is_kept(life, state.clock.now()) else _expired()


def _expired() -> Response:
    return Response("Not Found", 404, media_type="text/plain")


RESULTS = [cdn.results(PROVIDER, f"{RESULT_PATH}/{{ident}}.{{ext}}", _refused_download, _expired)]
