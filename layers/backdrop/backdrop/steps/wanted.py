"""What a photo's instructions ask for: the job, its provider, and whether it may cost what it costs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from backdrop.core.capability import not_expressible
from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError
from backdrop.core.identity import content_key, job_id
from backdrop.core.instructions import Instructions
from backdrop.core.job import Job, Money, PhotoFacts, Source
from backdrop.core.money import micro_of, quote, usd_text


def wanted_job(
    source: Source, photo: PhotoFacts, jobs: Sequence[Job], instructions: Instructions, provider: str, now: datetime
) -> Job:
    """The job that the instructions ask for; InstructionError where it costs more than they allow.

    What is paid already costs nothing more, so no limit touches it.
    """
    price = quote(provider, instructions.fields)
    image = photo.sha256 or ""
    asked, revision = instructions.asked, instructions.revision
    ident = job_id(bucket=source.bucket, key=source.key, variant="", image_sha256=image, asked=asked, revision=revision)
    if not any(job.job_id == ident and job.money is not Money.NOT_SPENT for job in jobs):
        _check_price(price, instructions.fields.get("max_cost_usd"))
    return Job(
        job_id=ident,
        content_key=content_key(image_sha256=image, asked=asked, revision=revision),
        source_id=source.source_id,
        bucket=source.bucket,
        key=source.key,
        version_id=photo.version_id,
        sha256=image,
        variant="",
        operation=instructions.operation,
        provider=provider,
        asked=asked,
        instructions=dict(instructions.fields),
        provenance=dict(instructions.provenance),
        warnings=instructions.warnings,
        quoted=price,
        queued_at=now,
        put_at=now,
    )


def provider_for(instructions: Instructions, default: str, on: Collection[str]) -> str:
    """The first preferred provider that is on and can express what is asked; InstructionError where none is."""
    objections: list[str] = []
    code = Code.PROVIDER_NOT_CONFIGURED
    for provider in instructions.providers(default):
        if provider not in on:
            objections.append(f"{provider} is switched off")
        elif reasons := not_expressible(provider, instructions.fields):
            code = Code.NOT_EXPRESSIBLE
            objections += reasons
        else:
            return provider
    raise InstructionError(code, f"No provider can do it: {'; '.join(objections)}.")


def _check_price(price: int, limit: float | None) -> None:
    if limit is not None and price > micro_of(Decimal(str(limit))):
        raise InstructionError(
            Code.MAX_COST_EXCEEDED,
            f"The job costs up to {usd_text(price)}; max_cost_usd allows {limit}.",
        )
