"""The stand-in's version of Runware: one address that takes a list of tasks, each with an ID that the caller chose."""

import asyncio
import json
from typing import cast

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin import cdn, runware_rules
from backdrop_local.standin.api_call import FreeCall, RejectedCallError
from backdrop_local.standin.faults import FaultHit, Phase
from backdrop_local.standin.generation_request import GenerationRequest
from backdrop_local.standin.generations import Generation, GenerationFailure, GenerationStatus
from backdrop_local.standin.json_body import InvalidFieldError, JsonBody
from backdrop_local.standin.paid_call import BilledResponse, PaidCall
from backdrop_local.standin.runware_delivery import SignalingResponse, call_webhook, put_results
from backdrop_local.standin.runware_free_tasks import FREE_TASKS, REQUEST_PREFIX, load_image
from backdrop_local.standin.runware_results import (
    RESULT_PATH,
    RunwareErrorFormat,
    Task,
    TaskOutcome,
    build_outcome,
    build_rejection,
    find_code,
    name_task,
)
from backdrop_local.standin.state import read_state

PROVIDER = "runware"


async def serve_tasks(request: Request) -> Response:
    """POST /v1: handles the tasks in order. The results are elements of `data` or `errors`."""
    try:
        content = cast("JsonValue", json.loads(await request.body()))
    except ValueError:
        content = None
    tasks = [task for task in content if isinstance(task, dict)] if isinstance(content, list) else []
    key = _read_key(request, tasks)
    if not isinstance(content, list) or not tasks or len(tasks) != len(content):
        body = RunwareErrorFormat({}).build_errors("invalidRequest", "The body must be a list of tasks.")
        raise RejectedCallError(JSONResponse(body, 400), "the body is not a list of tasks")
    return _build_response(request, [await _serve_task(request, key, task) for task in tasks])


ROUTES = [Route("/v1", serve_tasks, methods=["POST"])]


def build_routing_error(status: int) -> Response:
    """Returns the response for an unknown path or method."""
    code = "notFound" if status == 404 else "methodNotAllowed"
    return JSONResponse(RunwareErrorFormat({}).build_errors(code, "There is nothing at this path."), status)


def _read_key(request: Request, tasks: list[Task]) -> str | None:
    """Returns the bearer key, or that of an authentication task at the start of the list."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    first = tasks[0] if tasks else {}
    return str(first.get("apiKey", "")) if first.get("taskType") == "authentication" else None


async def _serve_task(request: Request, key: str | None, task: Task) -> TaskOutcome:
    try:
        task_type = task.get("taskType")
        if isinstance(task_type, str) and task_type in runware_rules.RULES:
            error_format = RunwareErrorFormat(task)
            return await _generate(PaidCall(request, PROVIDER, task_type, key=key, error_format=error_format), task)
        return await _serve_free_task(request, key, task)
    except RejectedCallError as refused:
        errors = _parse_errors(refused.response)
        if errors is None:
            raise
        return TaskOutcome(errors=errors, status=refused.response.status_code)


def _parse_errors(response: Response) -> list[JsonValue] | None:
    """Returns the errors of a response in Runware's format. None for other responses (a page, a broken connection)."""
    if not isinstance(response, JSONResponse):
        return None
    content = cast("JsonValue", json.loads(bytes(response.body)))
    errors = content.get("errors") if isinstance(content, dict) else None
    return errors if isinstance(errors, list) else None


async def _generate(call: PaidCall, task: Task) -> TaskOutcome:
    """Handles imageInference and removeBackground: returns the results, or, with `async`, an acknowledgment."""
    call.prompt = str(task.get("positivePrompt", ""))
    await call.authenticate()
    await call.apply_gate_faults()
    ident = _read_task_uuid(task)
    if _is_used_id(call, ident):
        status = call.state.settings.runware_conflict_status
        raise build_rejection(task, status, "conflictTaskUUID", "This taskUUID is already used.", "taskUUID")
    generation_request = await _parse_task(call, task)
    hit = call.find_fault(Phase.RUN)
    response_sent, webhook_done = asyncio.Event(), asyncio.Event()
    response_options = {name: task[name] for name in ("taskType", *runware_rules.RESPONSE_FIELDS) if name in task}

    async def deliver_results(generation: Generation) -> None:
        await put_results(call, generation)
        call.state.generations.run_in_background(call_webhook(call, generation, response_sent, webhook_done))

    generation = call.begin_generation(
        generation_request,
        hit,
        provider_id=ident,
        failure=_choose_failure(call, hit),
        terms=response_options,
        deliver_results=deliver_results,
    )
    call.state.uploads.keep(PROVIDER, call.owner.account, REQUEST_PREFIX + ident, json.dumps([task]).encode())
    if hit is not None and hit.rule.fault == "early_webhook":
        await webhook_done.wait()
    is_sync = response_options.get("deliveryMethod") != "async" or (
        hit is not None and hit.rule.fault == "early_result"
    )
    if is_sync:
        await generation.done.wait()
    await call.delay(hit)
    outcome = await build_outcome(call, generation) if is_sync else _build_acknowledgement(call, generation)
    outcome.call, outcome.hit, outcome.generation, outcome.response_sent = call, hit, generation, response_sent
    return outcome


def _read_task_uuid(task: Task) -> str:
    body = JsonBody(task)
    try:
        body.require("taskUUID")
        return body.read_match("taskUUID", runware_rules.UUID4) or ""
    except InvalidFieldError as invalid:
        raise build_rejection(task, 400, find_code(invalid), str(invalid), invalid.name) from None


def _is_used_id(call: PaidCall, ident: str) -> bool:
    """Returns whether this ID was already used. A setting limits how long an ID is remembered after its end."""
    generation = call.state.generations.find(PROVIDER, ident, call.owner.account)
    memory_seconds = call.state.settings.runware_remembers_seconds
    if generation is None:
        return False
    return (
        generation.status is not GenerationStatus.DONE
        or memory_seconds is None
        or call.state.clock.now() <= generation.ended_at + memory_seconds
    )


async def _parse_task(call: PaidCall, task: Task) -> GenerationRequest:
    body, rules = JsonBody(task), runware_rules.RULES[call.route]
    if task.get("model") not in rules.models:
        is_missing = "model" not in task
        code, status = ("missingModel", 400) if is_missing else ("modelNotFound", 404)
        raise build_rejection(task, status, code, f"There is no model {task.get('model')!r}.", "model")
    try:
        return await rules.parse(body, call.state.settings, lambda image: load_image(call, image))
    except InvalidFieldError as invalid:
        raise build_rejection(task, 400, find_code(invalid), str(invalid), invalid.name) from None


def _choose_failure(call: PaidCall, hit: FaultHit | None) -> GenerationFailure | None:
    """Returns the failure that a fault specifies for the task, or None."""
    if hit is not None and hit.rule.fault == "job_fails":
        code = hit.rule.text_arg("code", "inferenceError")
        return GenerationFailure(hit.rule.text_arg("message", "The external provider failed"), code)
    if hit is not None and hit.rule.fault == "unsafe" and call.choose_unsafe_form(hit) == "code":
        return GenerationFailure("The content was blocked by the provider", "providerContentPolicyViolation")
    return None


def _build_acknowledgement(call: PaidCall, generation: Generation) -> TaskOutcome:
    return TaskOutcome(data=[name_task(generation)] if call.state.settings.runware_ack == "task" else [])


async def _serve_free_task(request: Request, key: str | None, task: Task) -> TaskOutcome:
    """Handles a task that buys nothing."""
    task_type = str(task.get("taskType", ""))
    call = FreeCall(request, PROVIDER, task_type, key=key, error_format=RunwareErrorFormat(task))
    await call.authenticate()
    ident = str(task.get("taskUUID", ""))
    generation = call.state.generations.find(PROVIDER, ident, call.owner.account)
    call.prompt = generation.prompt if generation else ""
    await call.apply_gate_faults()
    if task_type not in FREE_TASKS:
        raise build_rejection(task, 400, "invalidTaskType", f"There is no taskType {task_type!r}.", "taskType")
    outcome = await FREE_TASKS[task_type](call, task, None if call.is_gone else generation)
    outcome.call, outcome.hit = call, call.find_fault(Phase.RUN)
    await call.delay(outcome.hit)
    return outcome


def _build_response(request: Request, outcomes: list[TaskOutcome]) -> Response:
    """Returns the elements of all tasks in one response. Its status is an error only if no task succeeded."""
    data = [item for outcome in outcomes for item in outcome.data]
    errors = [error for outcome in outcomes for error in outcome.errors]
    status = max((outcome.status for outcome in outcomes), default=200)
    if data or read_state(request.scope).settings.runware_errors_in_200:
        status = 200
    is_object = len(data) == 1 and outcomes[0].is_object_data
    content: Task = {"data": data[0] if is_object else data}
    response: Response = JSONResponse({**content, "errors": errors} if errors else content, status)
    faulted = next((outcome for outcome in outcomes if outcome.call is not None and outcome.hit is not None), None)
    if faulted is not None and faulted.call is not None:
        response = faulted.call.corrupt(response, faulted.hit)
    for outcome in outcomes:
        if outcome.generation is not None and outcome.generation.job is not None and outcome.response_sent is not None:
            response = SignalingResponse(BilledResponse(response, outcome.generation.job), outcome.response_sent)
    return response


def _check_download(request: Request, ident: str) -> Response | None:
    """Returns 404 when the result has expired."""
    state = read_state(request.scope)
    job = state.bill.find_job_of_result(ident)
    generation = state.generations.find_by_job(job.id) if job else None
    if generation is None:
        return None
    ttl = generation.response_options.get("ttl")
    lifetime_seconds = ttl if isinstance(ttl, int) else state.settings.link_life_seconds
    return None if generation.is_available(lifetime_seconds, state.clock.now()) else _build_expired()


def _build_expired() -> Response:
    return Response("Not Found", 404, media_type="text/plain")


RESULTS = [cdn.build_result_route(PROVIDER, f"{RESULT_PATH}/{{ident}}.{{ext}}", _check_download, _build_expired)]
