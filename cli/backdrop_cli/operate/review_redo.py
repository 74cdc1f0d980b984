"""The `review redo` command: shows the price of another picture, asks, and gives the photo new instructions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import parse_file
from backdrop.intake.photo_reader import parse_stored_file
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job
from backdrop.model.object_keys import list_sidecar_keys
from backdrop.model.pricing import format_usd, to_usd
from backdrop.model.review import may_need_review, requires_approval
from backdrop.operate.rerun import RerunPreview
from backdrop_cli.errors import CommandError, NothingFoundError, UsageError
from backdrop_cli.formatting import count_images, format_count
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.operate.photo_names import resolve_key
from backdrop_cli.operate.review import explain_no_job
from backdrop_cli.purchase_warnings import WarningTotals, print_warning_totals
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_client.overlay_bucket import OverlayBucket


@dataclass(frozen=True)
class DiscardedPictures:
    """How many pictures that are paid for, and not delivered yet, a redo ends. `unreviewed`: they need no approval."""

    approved: int
    waiting: int
    unreviewed: int

    @classmethod
    def from_jobs(cls, superseded_jobs: Sequence[Job]) -> "DiscardedPictures":
        reviews = [review for job in superseded_jobs for review in job.reviews]
        picture_count = sum(link.is_usable for job in superseded_jobs for link in job.links)
        return cls(
            approved=sum(review.is_approved for review in reviews),
            waiting=sum(review.decision is None for review in reviews),
            unreviewed=picture_count - len(reviews),
        )

    def __str__(self) -> str:
        """What people must know before they agree; "" if no picture is lost."""
        counts = {
            "already approved": self.approved,
            "waiting for approval": self.waiting,
            "needing no approval": self.unreviewed,
        }
        states = [f"{count} {state}" for state, count in counts.items() if count]
        total = format_count(sum(counts.values()), "picture")
        return f"This discards {total} bought before: {', '.join(states)}." if states else ""


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

    @property
    def discarded_pictures(self) -> DiscardedPictures:
        return DiscardedPictures.from_jobs(self.preview.superseded_jobs)

    @property
    def price_text(self) -> str:
        if not self.purchases:
            return f"Nothing is bought{', because the same was bought before' if self.reused_count else ''}."
        count = sum(count_images(job.instructions) for job in self.purchases if not job.is_mask)
        pictures = f"The {count} new pictures cost" if count > 1 else "The new picture costs"
        return f"{pictures} at most {self.max_price}."

    @property
    def purchases(self) -> list[Job]:
        return [job for job in self.preview.jobs_to_buy if not job.reused_from]

    @property
    def reused_count(self) -> int:
        """How many jobs get pictures that were bought before, for the same bytes and instructions."""
        return len(self.preview.jobs_to_buy) - len(self.purchases)

    @property
    def outcome(self) -> str:
        """What becomes of the pictures."""
        if not self.new_instructions:
            return "The pictures that are paid are delivered again, or reviewed again."
        if any(map(requires_approval, self.new_instructions)):
            return "New pictures wait for approval when they are made."
        if any(map(may_need_review, self.new_instructions)):
            return "New pictures wait for approval if their verdict is not `same`."
        return "New pictures are delivered when they are made, because the instructions require no approval."

    @property
    def new_instructions(self) -> list[Mapping[str, Any]]:
        return [job.instructions for job in self.preview.jobs_to_buy if not job.is_mask]

    def require_effect(self) -> None:
        """Raises CommandError if the photo already has these instructions."""
        if not self.preview.has_effect:
            raise CommandError("nothing was changed; the photo already has these instructions")

    def require_agreement(self, max_cost: int, discarded: str) -> None:
        """Raises CommandError if the redo costs more, or discards other pictures, than a person agreed to.

        `max_cost`: in micro-dollars. `discarded`: the text about the discarded pictures that the person saw.
        """
        if self.preview.max_cost > max_cost:
            raise CommandError(f"nothing was changed; the price is now at most {self.max_price}: check it, and confirm")
        if str(self.discarded_pictures) != discarded:
            raise CommandError(
                "nothing was changed; another person has just decided about these pictures: check what is discarded, "
                "and confirm"
            )


def plan_redo(stack: Stack, name: str, variant: str | None, new_fields: Mapping[str, Any]) -> RedoPlan:
    """Returns what it takes to change these fields of the photo's instructions. Changes nothing.

    `name`: see `resolve_key`.

    Raises NothingFoundError if the photo has no such job, CommandError if its instructions cannot be changed here, and
    UsageError if the fields are wrong.
    """
    bucket, key = resolve_key(stack, name)
    if bucket != stack.input_bucket:
        raise CommandError(
            f"nothing was changed; {key} is in another bucket, {bucket}: send a request with the new instructions"
        )
    current_jobs = _find_current_jobs(stack, key, variant)
    sidecar_key, sidecar = _build_sidecar(stack, key, current_jobs, variant, new_fields)
    preview = stack.build_rerun_service(OverlayBucket(stack.photos, {sidecar_key: sidecar})).preview(key)
    if preview is None:
        raise NothingFoundError(f"nothing was changed; there is no photo {key}, stack {stack.name}")
    if preview.broken_defaults or preview.problems:
        messages = [one.message_with_variant for one in preview.problems]
        hints = [str(one.effective_advice.for_unsent_photo.text_for_operator) for one in preview.problems]
        reason = " ".join([*messages, *dict.fromkeys(hints)])
        raise CommandError(
            f"nothing was changed. {reason or f'{preview.broken_defaults} has errors: correct it first.'}"
        )
    return RedoPlan(key, sidecar_key, sidecar, preview)


def redo_picture(
    stack: Stack, screen: Screen, name: str, variant: str | None, new_fields: Mapping[str, Any], *, yes: bool
) -> None:
    """Changes these fields in the photo's sidecar, after showing what that buys and asking.

    Raises CommandError as `plan_redo` does, and if the change has no effect.
    """
    plan = plan_redo(stack, name, variant, new_fields)
    key = plan.key
    forecast, warnings = MandateForecast.for_today(stack.rerun_service.mandates, stack.clock), WarningTotals()
    warnings.add(key, forecast.add(key, plan.preview.jobs_to_buy))
    document = {
        "stack": stack.name,
        "key": key,
        "sidecar": plan.sidecar_key,
        "bought": len(plan.purchases),
        "already_bought": plan.reused_count,
        "most_usd": to_usd(plan.preview.max_cost),
        "discarded": asdict(plan.discarded_pictures),
        "warnings": dict(warnings.counts),
        "mandates": forecast.build_document(),
    }
    with screen.print_json_if_refused(document | {"sent": False}):
        plan.require_effect()
        screen.print(
            f"{key}: {format_count(len(plan.purchases), 'job')} to buy, with the instructions in {plan.sidecar_key}. "
            f"{plan.price_text} What was bought before stays paid."
        )
        print_warning_totals(screen, warnings)
        forecast.print_lines(screen)
        if discarded_text := str(plan.discarded_pictures):
            screen.print(discarded_text, "bold")
        screen.confirm(f"Redo it for at most {plan.max_price}?", yes=yes)
    agreed_plan, plan = plan, plan_redo(stack, name, variant, new_fields)
    plan.require_agreement(agreed_plan.preview.max_cost, str(agreed_plan.discarded_pictures))
    stack.uploader.upload_sidecar(plan.sidecar_key, plan.sidecar)
    screen.print_json(document | {"sent": True})
    screen.print(f"✓ {plan.sidecar_key} uploaded. {plan.outcome}")
    if any(map(may_need_review, plan.new_instructions)):
        screen.print("To list what waits, run `backdrop review`.")


def _find_current_jobs(stack: Stack, key: str, variant: str | None) -> list[Job]:
    source, jobs = stack.redrive_service.ledger.read_photo(derive_source_id(stack.input_bucket, key))
    current_jobs = [job for job in list_current_jobs(source, jobs) if not job.is_mask] if source else []
    names = sorted(job.variant for job in current_jobs if job.variant)
    if variant is None and names:
        raise UsageError(f"{key} has variants, and only one is redone at a time: add --variant {' or '.join(names)}")
    if not any(variant in (None, job.variant) for job in current_jobs):
        reason = f"{key}, variant {variant} has no job" if current_jobs else explain_no_job(key, jobs)
        raise NothingFoundError(f"nothing was changed; {reason}, stack {stack.name}")
    if any(job.is_requested for job in current_jobs):
        raise CommandError(
            f"nothing was changed; the instructions of {key} came with a request or a campaign: send a request, or run "
            "a campaign, with the new ones"
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

    A sidecar that photos share is not changed: its fields go into a new one of the photo's own. Raises CommandError if
    the nearest sidecar has errors: the fields that cannot be read would be lost.
    """
    own_key = f"{key}.json"
    for sidecar_key in list_sidecar_keys(key):
        stored = stack.photos.read(stack.input_bucket, sidecar_key, max_bytes=MAX_SIDECAR_BYTES)
        if stored is None:
            continue
        errors = parse_stored_file(sidecar_key, stored).errors
        if errors or stored.data is None:
            reasons = "; ".join(str(one.message.clause) for one in errors)
            raise CommandError(f"nothing was changed; the sidecar has errors, so correct it first: {reasons}")
        return own_key, cast("dict[str, Any]", json.loads(stored.data))
    return own_key, {}
