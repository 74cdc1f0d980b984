"""The `review redo` command: shows the price of another picture, asks, and gives the photo new instructions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import REQUEST, parse_file
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job
from backdrop.model.object_keys import list_sidecar_keys
from backdrop.model.pricing import format_usd, to_usd
from backdrop.model.review import may_need_review, requires_approval
from backdrop.operate.rerun import RerunPreview
from backdrop_cli.errors import CommandError, NothingFoundError, UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.purchase_warnings import WarningTotals, print_warning_totals
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_client.overlay_bucket import OverlayBucket


@dataclass(frozen=True)
class RedoPlan:
    """New instructions for a photo: the sidecar to upload, and what it makes Backdrop buy."""

    key: str
    sidecar_key: str
    sidecar: bytes
    preview: RerunPreview

    @property
    def max_price(self) -> str:
        return format_usd(self.preview.max_cost)

    def require_effect(self) -> None:
        """Raises CommandError if the photo already has these instructions."""
        if not self.preview.has_effect:
            raise CommandError("nothing was changed; the photo already has these instructions")


def plan_redo(stack: Stack, key: str, variant: str | None, new_fields: Mapping[str, Any]) -> RedoPlan:
    """Returns what it takes to change these fields of the photo's instructions. Changes nothing.

    Raises NothingFoundError if the photo has no such job, CommandError if its instructions cannot be changed here, and
    UsageError if the fields are wrong.
    """
    current_jobs = _find_current_jobs(stack, key, variant)
    sidecar_key, sidecar = _build_sidecar(stack, key, current_jobs, variant, new_fields)
    preview = stack.build_rerun_service(OverlayBucket(stack.photos, {sidecar_key: sidecar})).preview(key)
    if preview is None:
        raise NothingFoundError(f"nothing was changed; there is no photo {key}, stack {stack.name}")
    if preview.broken_defaults or preview.problems:
        reason = "; ".join(str(one.message.clause) for one in preview.problems)
        raise CommandError(f"nothing was changed; {reason or f'{preview.broken_defaults} has errors'}")
    return RedoPlan(key, sidecar_key, sidecar, preview)


def redo_picture(
    stack: Stack, screen: Screen, key: str, variant: str | None, new_fields: Mapping[str, Any], *, yes: bool
) -> None:
    """Changes these fields in the photo's sidecar, after showing what that buys and asking.

    Raises CommandError as `plan_redo` does, and if the change has no effect.
    """
    plan = plan_redo(stack, key, variant, new_fields)
    job_count = len(plan.preview.jobs_to_buy)
    forecast, warnings = (
        MandateForecast(stack.rerun_service.mandates, stack.clock.now().date().isoformat()),
        WarningTotals(),
    )
    warnings.add(key, forecast.add(key, plan.preview.jobs_to_buy))
    document = {
        "stack": stack.name,
        "key": key,
        "sidecar": plan.sidecar_key,
        "bought": job_count,
        "most_usd": to_usd(plan.preview.max_cost),
        "warnings": dict(warnings.counts),
        "mandates": forecast.build_document(),
    }
    with screen.print_json_if_refused(document | {"sent": False}):
        plan.require_effect()
        screen.print(
            f"{key}: {format_count(job_count, 'job')} to buy for at most {plan.max_price}, with the instructions in "
            f"{plan.sidecar_key}. What was bought before stays paid."
        )
        print_warning_totals(screen, warnings)
        forecast.print_lines(screen)
        screen.confirm(f"Redo it for at most {plan.max_price}?", yes=yes)
    stack.uploader.upload_sidecar(plan.sidecar_key, plan.sidecar)
    screen.print_json(document | {"sent": True})
    screen.print(f"✓ {plan.sidecar_key} uploaded. {_describe_approval(plan.preview.jobs_to_buy)}")


def _describe_approval(jobs_to_buy: Sequence[Job]) -> str:
    if not jobs_to_buy:
        return "The pictures that are paid are delivered again, or reviewed again."
    if any(requires_approval(job.instructions) for job in jobs_to_buy):
        return "The new picture waits for approval when it is made: `backdrop review`."
    if any(may_need_review(job.instructions) for job in jobs_to_buy):
        return "The new picture waits for approval if its verdict is not `same`: `backdrop review`."
    return "The new picture is delivered when it is made, because its instructions require no approval."


def _find_current_jobs(stack: Stack, key: str, variant: str | None) -> list[Job]:
    source, jobs = stack.redrive_service.ledger.read_photo(derive_source_id(stack.input_bucket, key))
    current_jobs = [job for job in list_current_jobs(source, jobs) if not job.is_mask] if source else []
    names = sorted(job.variant for job in current_jobs if job.variant)
    if variant is None and names:
        raise UsageError(f"{key} has variants, and only one is redone at a time: add --variant {' or '.join(names)}")
    if not any(variant in (None, job.variant) for job in current_jobs):
        name = key if variant is None else f"{key}, variant {variant}"
        raise NothingFoundError(f"nothing was changed; {name} has no job, stack {stack.name}")
    if any(REQUEST in job.provenance.values() for job in current_jobs):
        raise CommandError(
            f"nothing was changed; the instructions of {key} came with a request: send a request with the new ones"
        )
    return current_jobs


def _build_sidecar(
    stack: Stack, key: str, current_jobs: Sequence[Job], variant: str | None, new_fields: Mapping[str, Any]
) -> tuple[str, bytes]:
    """Returns the key and the bytes of the photo's sidecar with the new fields, for one variant or for all.

    The sidecar then names all variants of the photo, because the nearest source with variants decides which there are.
    """
    sidecar_key, fields = _read_sidecar(stack, key)
    if variant:
        own_variants = cast("dict[str, Any]", fields.get("variants") or {})
        names = [job.variant for job in current_jobs]
        variants = {name: own_variants.get(name, {}) for name in (*own_variants, *names)}
        fields = {**fields, "variants": {**variants, variant: {**variants[variant], **new_fields}}}
    else:
        fields = {**fields, **new_fields}
    data = json.dumps(fields, ensure_ascii=False, indent=2).encode() + b"\n"
    if errors := parse_file(sidecar_key, data).errors:
        raise UsageError("; ".join(str(one.message.clause) for one in errors))
    return sidecar_key, data


def _read_sidecar(stack: Stack, key: str) -> tuple[str, dict[str, Any]]:
    """Returns the key and the fields of the nearest sidecar. Without one: the key of a new one, and no fields.

    A sidecar that photos share is not changed: its fields go into a new one of the photo's own.
    """
    own_key = f"{key}.json"
    for sidecar_key in list_sidecar_keys(key):
        stored = stack.photos.read(stack.input_bucket, sidecar_key, max_bytes=MAX_SIDECAR_BYTES)
        if stored and stored.data is not None:
            try:
                fields: Any = json.loads(stored.data)
            except ValueError as error:
                raise CommandError(f"nothing was changed; {sidecar_key} is not JSON") from error
            return own_key, cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}
    return own_key, {}
