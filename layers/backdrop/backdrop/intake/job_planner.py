"""Plans the jobs of a photo from its instructions: provider, price, and limits."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from backdrop.imaging.output_checks import find_tiny_photo
from backdrop.instructions.fill import fill_templates
from backdrop.instructions.merge import ResolvedInstructions, find_errors, list_variants, merge_instructions
from backdrop.instructions.sources import InstructionSource
from backdrop.intake.framed_photos import StoredCanvas
from backdrop.intake.owner_instructions import find_forbidden_images, keep_required_approval, list_owner_sources
from backdrop.model.capabilities import FIRST_REMOVER, REFERENCES_FIELD, find_remover
from backdrop.model.circuit import ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.fidelity import SUBJECT_FIELD, buys_mask, count_retries
from backdrop.model.frame import FRAME_FIELD
from backdrop.model.ids import derive_content_id, derive_job_id
from backdrop.model.item_size import explain_oversize
from backdrop.model.job import FAILED_STATUSES, MASK_VARIANT, Job, MoneyStatus, Problem, Source
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.mandate import Mandate, find_violated_term
from backdrop.model.output_spec import OutputSpec, parse_outputs
from backdrop.model.photo_facts import ChangeCode, PhotoFacts
from backdrop.model.picture_names import NameClaim, list_claimed_names
from backdrop.model.pricing import ConfiguredPrices, format_limit_usd, to_micro_usd
from backdrop.model.retries import with_fewer_retries
from backdrop.model.review import reviews_other_verdicts
from backdrop.model.routing import HealthReader, Offers, Route, choose_route, describe_price, explain_cost_limit
from backdrop.model.sentence import Sentence
from backdrop.pipeline.job_diff import predict_job

MAX_NAMES = 30
"""The names that fit into the transaction that writes a photo with 20 variants: DynamoDB allows 100 writes."""
_DISTINCT_NAMES_ADVICE = "Add {variant}, {output}, or {ext} to `name_template`, whichever differs."


def assume_healthy(provider: str) -> ProviderHealth:
    """Returns a healthy lane, for callers that only need prices."""
    return ProviderHealth(provider=provider)


@dataclass(frozen=True)
class BucketImages:
    """What planning does with the images in the photo's bucket.

    `hash_references` returns the SHA-256 of each reference image, given the images' keys. `find_brand_image_errors`
    returns why outputs cannot draw their brand images. `draw_canvas` draws the photo on the canvas that the purchase
    fields describe, and stores it; None if the photo must not be opened, and the jobs then have no canvas.
    `has_own_mask` opens the photo; None if it must not be opened.
    """

    hash_references: Callable[[Sequence[str]], list[str]]
    find_brand_image_errors: Callable[[Sequence[OutputSpec]], list[InstructionError]]
    draw_canvas: Callable[[dict[str, Any]], StoredCanvas] | None
    has_own_mask: Callable[[], bool] | None


@dataclass(frozen=True)
class FilledText:
    """A text of one variant after its placeholders were filled. `field` is its path, such as `output[1].alt`."""

    variant: str
    field: str
    text: str


@dataclass(frozen=True)
class JobPlan:
    """The jobs a photo's instructions call for: one for each variant, and its mask; or the problems that prevent them.

    `names`: see Ledger.put_source.
    """

    jobs: tuple[Job, ...] = ()
    problems: tuple[Problem, ...] = ()
    filled_texts: tuple[FilledText, ...] = ()
    names: Mapping[str, NameClaim | None] = field(default_factory=dict[str, NameClaim | None])

    @property
    def has_no_instructions(self) -> bool:
        """Whether missing instructions are the only problem. A rerun then keeps jobs that were requested directly."""
        only_missing_instructions = all(one.code is Code.NO_INSTRUCTIONS for one in self.problems)
        return not self.jobs and bool(self.problems) and only_missing_instructions


def assume_free_names(plan: JobPlan) -> JobPlan:
    """Claims no names, for callers that do not know those of other photos."""
    return plan


@dataclass(frozen=True)
class RoutingContext:
    """The inputs of routing: the default provider, and the enabled providers, their prices, health, and places."""

    default_provider: str
    enabled_providers: Collection[str]
    prices: ConfiguredPrices = field(default_factory=dict[str, int])
    read_health: HealthReader = assume_healthy
    place_limits: Mapping[str, int] = field(default_factory=dict[str, int])


class _ErrorCollector:
    """Collects all errors of one job, so that the user can correct them together."""

    def __init__(self, errors: Sequence[InstructionError]) -> None:
        self.errors: list[InstructionError | PhotoError] = [*errors]

    @property
    def has_no_instructions(self) -> bool:
        return any(one.code is Code.NO_INSTRUCTIONS for one in self.errors)

    def collect[T](self, action: Callable[[], T]) -> T | None:
        """Returns the action's result, or None if it raised InstructionError or PhotoError."""
        try:
            return action()
        except (InstructionError, PhotoError) as error:
            self.errors.append(error)
        return None


@dataclass(frozen=True, kw_only=True)
class JobPlanner:
    """Plans the jobs of one photo.

    `known_jobs` are those that the ledger has of it. `mandate`: the one that owns the photo's folder. `claim_names`
    refuses jobs whose pictures have the name of another photo's picture (`NameClaims`).
    """

    photo_source: Source
    photo: PhotoFacts
    known_jobs: Sequence[Job]
    routing: RoutingContext
    images: BucketImages
    mandate: Mandate | None
    claim_names: Callable[[JobPlan], JobPlan]
    now: datetime

    @property
    def _offers(self) -> Offers:
        routing = self.routing
        return Offers(routing.enabled_providers, routing.prices, self.mandate, routing.place_limits)

    def plan(self, instruction_sources: Sequence[InstructionSource]) -> JobPlan:
        """Plans the jobs from sources without errors.

        Which cut-outs are refused is known only at the end, so the jobs are planned again with a mask that they need.
        """
        plan = self._plan_with_mask(instruction_sources, None)
        mask = self._plan_mask(plan.jobs)
        return self._plan_with_mask(instruction_sources, mask) if mask else plan

    def _plan_with_mask(self, instruction_sources: Sequence[InstructionSource], mask: Job | None) -> JobPlan:
        planned: list[Job] = []
        problems: list[Problem] = []
        filled_texts: list[FilledText] = []
        for variant in list_variants(instruction_sources):
            instructions = merge_instructions(instruction_sources, variant)
            forbidden_images: list[InstructionError] = []
            if self.mandate:
                owner_sources = list_owner_sources(instruction_sources, self.mandate)
                instructions = keep_required_approval(instructions, owner_sources, variant)
                forbidden_images = find_forbidden_images(instructions, owner_sources, variant, self.mandate)
            collector = _ErrorCollector(find_errors(instructions, instruction_sources, variant))
            if not collector.has_no_instructions:
                instructions, template_errors = fill_templates(
                    instructions, variant, self.photo_source.bucket, self.photo_source.key
                )
                collector.errors += [*template_errors, *forbidden_images]
                filled_texts += [FilledText(variant, path, text) for path, text in instructions.filled_texts.items()]
                # Planning a job reads its images.
                job = None if forbidden_images else self._plan_job(variant, instructions, collector, mask)
                planned += [] if job is None or collector.errors else [job]
            problems += [Problem.from_error(error, self.now, variant=variant) for error in collector.errors]
        jobs, name_problems = _refuse_repeated_names(planned, self.now)
        jobs += [mask] if mask else []
        plan = self.claim_names(JobPlan(tuple(jobs), (*problems, *name_problems), tuple(filled_texts)))
        jobs = self._drop_unneeded_mask(plan.jobs, mask)
        return replace(plan, jobs=tuple(map(partial(self._warn_without_mask, jobs, mask), jobs)))

    def _plan_mask(self, planned: Sequence[Job]) -> Job | None:
        """Returns the job of the mask that the planned jobs buy; None if they buy none, or if there is one without it.

        It is the cheapest provider's, unless one of another maker is, or may be, bought already.
        """
        buyer = next((job for job in planned if buys_mask(job.instructions)), None)
        if buyer is None or any(job.operation == "remove" for job in planned):
            return None
        routes = self._offers.list_cheapest({"operation": "remove"})
        if not routes or self._has_own_mask:
            return None
        cut_outs = [self._build_cut_out(route, buyer.provenance[SUBJECT_FIELD]) for route in routes]
        if any(one.job_id not in {cut_out.job_id for cut_out in cut_outs} for one in self._list_bought_cut_outs()):
            return None
        mask = next((one for one in cut_outs if _is_paid(one, self.known_jobs)), cut_outs[0])
        return replace(mask, variant=MASK_VARIANT)

    def _build_cut_out(self, route: Route, origin: str) -> Job:
        """Returns a cut-out that names its maker and no options, so that it serves as any other one that does.

        Ideogram's names none: it was the only maker, and the ID of what it made stays.
        """
        fields = {"operation": "remove"}
        if route.provider != FIRST_REMOVER:
            fields |= {"provider": route.provider, "model": find_remover(route.provider, {})}
        instructions = ResolvedInstructions(fields, dict.fromkeys(fields, origin))
        return self._build_job("", instructions, route, instructions.purchase_fields)

    def _drop_unneeded_mask(self, jobs: Sequence[Job], mask: Job | None) -> list[Job]:
        """Returns the planned jobs without the mask if no other job needs it and can pay it, or one is a cut-out."""
        has_cut_out = any(job.operation == "remove" and not job.is_mask for job in jobs)
        buyers = [job for job in jobs if buys_mask(job.instructions)]
        has_buyer = mask and any(self._may_need_mask(job, mask) for job in buyers)
        return [job for job in jobs if not job.is_mask or (has_buyer and not has_cut_out)]

    def _may_need_mask(self, job: Job, mask: Job) -> bool:
        """Whether the picture of a job that buys a mask will be compared with it, and can pay it.

        A mask that is bought stays. A failed picture keeps its mask for a redrive.
        """
        if _is_paid(mask, self.known_jobs):
            return True
        predicted = predict_job(self.photo_source, self.known_jobs, job, self.now)
        is_compared = predicted.needs_mask or predicted.status in FAILED_STATUSES
        return is_compared and not self._explain_mask_cost(job, mask)

    def _explain_mask_cost(self, job: Job, mask: Job) -> str:
        """Explains why a mask exceeds the limits of a picture that is bought already; "" if it does not.

        The limits of a picture that is not bought yet refuse it together with its mask.
        """
        known = _find_paid(job, self.known_jobs)
        if known is None or _is_paid(mask, self.known_jobs):
            return ""
        bought = Route(known.provider, known.charged + known.unknown)
        return explain_cost_limit(bought, job.instructions, mask.quoted, self.mandate)

    def _list_bought_cut_outs(self) -> list[Job]:
        return [one for one in self.known_jobs if one.has_mask and one.sha256 == self.photo.sha256]

    @cached_property
    def _has_own_mask(self) -> bool | None:
        """Whether the photo's own transparency is its mask. None if it may be, but the photo must not be opened.

        One that cannot be opened is assumed to have none.
        """
        if not self.photo.may_be_transparent:
            return False
        if self.images.has_own_mask is None:
            return None
        try:
            return self.images.has_own_mask()
        except PhotoError:
            return False

    def _warn_without_mask(self, planned: Sequence[Job], mask: Job | None, job: Job) -> Job:
        """Returns the job, with a warning if what it requests of its subject needs a mask, and there will be none.

        `mask`: one that is too expensive, or None.
        """
        cut_outs = [*self._list_bought_cut_outs(), *(one for one in planned if one.operation == "remove")]
        if SUBJECT_FIELD not in job.instructions or cut_outs or self._has_own_mask is not False:
            return job
        too_expensive = self._explain_mask_cost(job, mask) if mask and buys_mask(job.instructions) else ""
        reason = too_expensive or "nothing shows where the product is in the photo"
        # A picture that cannot be compared waits for a person, too.
        waits = reviews_other_verdicts(job.instructions)
        effect = "every picture waits for approval" if waits else "`subject` has no effect"
        warning = JobWarning(code=WarningCode.MASK_UNAVAILABLE, text=Sentence(f"{effect}, because {reason}"))
        return replace(job, mask_quoted=0, warnings=(*job.warnings, warning))

    def _plan_job(
        self, variant: str, instructions: ResolvedInstructions, collector: _ErrorCollector, mask: Job | None
    ) -> Job | None:
        """Returns the variant's job; None if no provider has a price for it. Collects what prevents the purchase."""
        routing = self.routing
        collector.errors += self.images.find_brand_image_errors(parse_outputs(instructions.fields))
        provider_names = instructions.list_providers(routing.default_provider)
        buys_new_mask = mask and buys_mask(instructions.fields) and not _is_paid(mask, self.known_jobs)
        mask_price = mask.quoted if mask and buys_new_mask else 0
        choose = partial(choose_route, instructions.fields, provider_names, self._offers, routing.read_health)
        route = collector.collect(partial(choose, mask_price=mask_price))
        purchase_spec = collector.collect(partial(self._build_purchase_spec, instructions)) or {}
        route = route or _find_priced_provider(instructions.fields, provider_names, self._offers)
        if route is None:
            return None
        job = replace(self._build_job(variant, instructions, route, purchase_spec), mask_quoted=mask_price)
        job = _warn_of_fewer_retries(job)
        collector.collect(partial(_check_max_cost, job, self.known_jobs))
        collector.collect(partial(self._check_mandate, job))
        collector.collect(partial(_check_item_size, job))
        if FRAME_FIELD in purchase_spec and not collector.errors:
            return collector.collect(partial(self._add_canvas, job))
        return job

    def _check_mandate(self, job: Job) -> None:
        """Raises InstructionError if the mandate's terms exclude the job. The claim checks what is left of it."""
        if self.mandate is None or _is_paid(job, self.known_jobs):
            return
        obstacle = find_violated_term(self.mandate, job, job.quoted, self.now.date().isoformat())
        if obstacle:
            raise obstacle.to_error()

    def _build_purchase_spec(self, instructions: ResolvedInstructions) -> dict[str, Any]:
        """Returns the fields that reach the provider, with reference images by hash instead of by key."""
        purchase_spec = instructions.purchase_fields
        if REFERENCES_FIELD in purchase_spec:
            purchase_spec[REFERENCES_FIELD] = self.images.hash_references(purchase_spec[REFERENCES_FIELD])
        return purchase_spec

    def _build_job(
        self, variant: str, instructions: ResolvedInstructions, route: Route, purchase_spec: dict[str, Any]
    ) -> Job:
        photo_source, photo = self.photo_source, self.photo
        image_sha256, revision = photo.sha256 or "", instructions.revision
        return Job(
            job_id=derive_job_id(
                bucket=photo_source.bucket,
                key=photo_source.key,
                variant=variant,
                image_sha256=image_sha256,
                purchase_spec=purchase_spec,
                revision=revision,
            ),
            content_id=derive_content_id(
                image_sha256=image_sha256,
                purchase_spec=purchase_spec,
                revision=revision,
                mandate=self.mandate.name if self.mandate else None,
            ),
            source_id=photo_source.source_id,
            bucket=photo_source.bucket,
            key=photo_source.key,
            version_id=photo.version_id,
            sha256=image_sha256,
            is_prepared=photo.is_prepared,
            variant=variant,
            operation=instructions.operation,
            provider=route.provider,
            mandate=self.mandate.name if self.mandate else None,
            purchase_spec=purchase_spec,
            instructions=dict(instructions.fields),
            provenance=dict(instructions.provenance),
            warnings=(*instructions.warnings, *_list_photo_warnings(photo, instructions.fields), *route.passed_over),
            quoted=route.price,
            queued_at=self.now,
            last_sent_at=self.now,
        )

    def _add_canvas(self, job: Job) -> Job:
        """Returns the job with its canvas.

        A job that needs no purchase keeps the canvas that its picture was made from.
        """
        known = next((one for one in self.known_jobs if one.job_id == job.job_id), None)
        if self.images.draw_canvas is None or (known and known.needs_no_purchase):
            return replace(job, canvas=known.canvas if known else None)
        stored = self.images.draw_canvas(job.purchase_spec)
        return replace(job, canvas=stored.canvas, warnings=(*job.warnings, *stored.warnings))


def _list_photo_warnings(photo: PhotoFacts, instructions: Mapping[str, Any]) -> list[JobWarning]:
    picture_counts = (one.values[0] for one in photo.changes if one.code is ChangeCode.FIRST_OF_PICTURES)
    messages = (f"the file contains {count} pictures; Backdrop uses the first one" for count in picture_counts)
    first_picture = [JobWarning(code=WarningCode.FIRST_PICTURE, text=Sentence(one)) for one in messages]
    return [*first_picture, *find_tiny_photo(instructions, photo.pixel_size)]


def _find_priced_provider(fields: Mapping[str, Any], names: Sequence[str], offers: Offers) -> Route | None:
    """Returns an enabled provider that has a price, so that price errors are reported together with routing errors."""
    for name in names:
        price = offers.find_price(name, fields) if name in offers.enabled_providers else None
        if price is not None:
            return Route(name, price)
    return None


def _warn_of_fewer_retries(job: Job) -> Job:
    """Returns the job, with a warning if its price limit leaves no room for all retries that it requests."""
    retries = count_retries(job.instructions)
    affordable = job.max_cost // job.quoted - 1 if job.quoted else retries
    if affordable >= retries:
        return job
    return with_fewer_retries(job, affordable)


def _check_max_cost(job: Job, known_jobs: Sequence[Job]) -> None:
    """Raises InstructionError if the job and its mask cost more than the job's instructions allow.

    A job that is already paid, or has its file from another job, costs nothing more, so no limit applies.
    """
    limit = job.instructions.get("max_cost_usd")
    first_cost = job.quoted + job.mask_quoted
    if limit is None or _is_paid(job, known_jobs) or first_cost <= to_micro_usd(Decimal(str(limit))):
        return
    price_text = describe_price(job.quoted, job.mask_quoted)
    message = f"The job costs up to {price_text}, but max_cost_usd allows {format_limit_usd(limit)}."
    fits_without_mask = job.quoted <= to_micro_usd(Decimal(str(limit)))
    advice = "Raise max_cost_usd, or remove `mask` from `subject`" if fits_without_mask else None
    raise InstructionError(Code.MAX_COST_EXCEEDED, message, advice)


def _is_paid(job: Job, known_jobs: Sequence[Job]) -> bool:
    return _find_paid(job, known_jobs) is not None


def _find_paid(job: Job, known_jobs: Sequence[Job]) -> Job | None:
    """Returns the planned job as the ledger has it if it is, or may be, paid, or needs no purchase."""
    same_job = (one for one in known_jobs if one.job_id == job.job_id)
    return next((one for one in same_job if one.money is not MoneyStatus.NOT_SPENT or one.needs_no_purchase), None)


def _refuse_repeated_names(planned: Sequence[Job], now: datetime) -> tuple[list[Job], list[Problem]]:
    """Refuses all jobs whose pictures would replace each other, or all jobs if there are too many names."""
    names_by_job = {job.job_id: list(list_claimed_names(job)) for job in planned}
    counts = Counter(name for names in names_by_job.values() for name in names)
    jobs: list[Job] = []
    problems: list[Problem] = []
    for job in planned:
        repeated = next((name for name in names_by_job[job.job_id] if counts[name] > 1), None)
        if repeated:
            message = f"Several pictures of the photo would have the key {repeated.partition('/')[2]}."
            error = InstructionError(Code.NAME_TAKEN, message, _DISTINCT_NAMES_ADVICE)
        elif counts.total() > MAX_NAMES:
            message = f"{counts.total()} pictures of the photo would have names of their own; at most {MAX_NAMES} can."
            error = InstructionError(Code.INVALID_VALUE, message)
        else:
            jobs.append(job)
            continue
        problems.append(Problem.from_error(error, now, variant=job.variant))
    return jobs, problems


def _check_item_size(job: Job) -> None:
    """Raises InstructionError if the job and its results would not fit into a ledger item."""
    message = explain_oversize(job)
    if message:
        raise InstructionError(Code.INVALID_VALUE, message)
