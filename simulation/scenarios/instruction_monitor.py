"""Checks what photos are resolved to against all of their instructions, on every write and at rest."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from backdrop.model.queue_messages import RerunMessage
from simulation.invariants.job_ends import check_deleted_photos
from simulation.invariants.output_keys import list_named_keys
from simulation.invariants.picture_names import without_lost_names
from simulation.invariants.resolutions import (
    NAME_TAKEN,
    ExpectedResolution,
    Resolution,
    ResolutionWrite,
    check_blocked_photos,
    check_duplicate_jobs,
    check_final_resolutions,
    check_frames,
    check_mask,
    check_outputs,
    check_paired_uploads,
    check_picture_versions,
    check_removed_variants,
    check_requests_recorded,
    check_resolution,
    refuse_names,
    refuse_variants,
)
from simulation.invariants.violations import (
    MASK_VARIANT,
    Invariant,
    JsonObject,
    Violation,
    is_mask,
    sum_charged,
    sum_uncertain,
)
from simulation.scenarios.actions import UserActions
from simulation.scenarios.bucket_history import BucketHistory
from simulation.scenarios.expected_instructions import InstructionLayers, resolve_expected
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.scenarios.picture_monitor import PictureMonitor
from simulation.scenarios.sample_instructions import SAMPLE_NAME_BY_BYTES, SAMPLES
from simulation.world.product_images import TRANSPARENT_PHOTO_NAMES, identify_product_photo
from simulation.world.simulated_lambda import Invocation
from simulation.world.transport import ServiceCall

# Codes with which a request may end because of a sidecar's provider or name, or because of a limit on the cost.
COMBINATION_CODES = frozenset(
    {"max_cost_exceeded", "not_expressible", "unknown_placeholder", "invalid_value", NAME_TAKEN}
)
# What a mask buys, by its maker, the cheapest first (decision 68).
MASK_SPECS = {
    "runware": {"operation": "remove", "provider": "runware", "model": "birefnet-matting"},
    "ideogram": {"operation": "remove"},
}
# Statuses of a cut-out that shows where the product is.
BOUGHT_STATUSES = frozenset({"stored", "review"})
REQUEST_CODES = frozenset({"folder_defaults_broken", "photo_not_found", "no_instructions"})


class InstructionMonitor:
    """Compares the ledger with the instructions in the bucket's history."""

    def __init__(
        self,
        snapshot: LedgerSnapshot,
        users: UserActions,
        history: BucketHistory,
        pictures: PictureMonitor,
        list_term_codes: Callable[[str], frozenset[str]],
    ) -> None:
        self._list_term_codes = list_term_codes
        self._snapshot, self._users, self._history, self._pictures = snapshot, users, history, pictures
        self._changed_sources: list[tuple[JsonObject | None, JsonObject]] = []

    # -- writes -------------------------------------------------------------------------------------------------

    def record_write(self, before: JsonObject | None, after: JsonObject) -> None:
        """Records the write of a source; its jobs are in the same transaction."""
        previous = (before["jobs"], before["recent_request_ids"]) if before else ({}, [])
        if (after["jobs"], after["recent_request_ids"]) != previous:
            self._changed_sources.append((before, after))

    def check_new_job(self, before: JsonObject | None, after: JsonObject) -> list[Violation]:
        jobs = self._snapshot.jobs.values()
        if before is not None:
            return []
        return check_duplicate_jobs(before, after, jobs) + check_frames(after, jobs) + self._check_mask_maker(after)

    def _check_mask_maker(self, job: JsonObject) -> list[Violation]:
        providers = {"ideogram", *self._snapshot.world.setup.other_providers}
        cheapest = next(spec for maker, spec in MASK_SPECS.items() if maker in providers)
        if not is_mask(job) or job["purchase_spec"] == cheapest:
            return []
        return [Violation(Invariant.MASK_BOUGHT_ON_REQUEST, f"{job['key']}: a new mask that is not the cheapest")]

    def check_writes(self, call: ServiceCall) -> list[Violation]:
        """Checks the sources that the last call wrote."""
        changed_sources, self._changed_sources = self._changed_sources, []
        return [violation for before, after in changed_sources for violation in self._check_write(before, after, call)]

    def _check_write(self, before: JsonObject | None, after: JsonObject, call: ServiceCall) -> list[Violation]:
        key, invocation = after["key"], self._snapshot.find_invocation(call.worker_name)
        sample_by_request_id = _find_requested_samples(invocation, key)
        possible_layers = [*self._history.iterate_layers(key, invocation.started_at)]
        new_request_ids = {*after["recent_request_ids"]} - {*(before["recent_request_ids"] if before else ())}
        samples = tuple(
            sample_by_request_id[request_id] for request_id in new_request_ids if request_id in sample_by_request_id
        )
        jobs = {job_id: self._snapshot.jobs[job_id] for job_id in after["jobs"].values()}
        layers_with_request = [
            layers for layers in self._history.iterate_layers(key, invocation.started_at, samples) if layers.request
        ]
        expected_with_request = [
            resolution
            for layers in layers_with_request
            for paid in _list_paid_states(jobs.values())
            for resolution in self._list_resolutions(layers, after, invocation.started_at, paid=paid)
        ]
        has_clock_jumps = self._users.has_clock_jumps
        write = ResolutionWrite(
            before=before,
            after=after,
            possible_resolutions=[
                resolution
                for layers in possible_layers
                for resolution in self._list_resolutions(layers, after, invocation.started_at)
            ],
            resolutions_with_request=expected_with_request if new_request_ids else None,
            is_requested=is_rerun(invocation, key),
            has_own_instructions=any(layers.is_complete for layers in possible_layers),
            settle_seconds=None if has_clock_jumps else self._snapshot.world.setup.settle_seconds,
        )
        violations = check_resolution(write, self._snapshot.jobs)
        violations += self._check_content(after, invocation, jobs) if after["photo"] else []
        has_new_jobs = after["photo"] and after["jobs"] != (before["jobs"] if before else {})
        return violations + (self._check_mask(after, invocation) if has_new_jobs else [])

    def _check_mask(self, source: JsonObject, invocation: Invocation) -> list[Violation]:
        """Checks a photo's mask, given its other cut-outs. A plain one without a variant may be the mask itself."""
        cut_outs = [
            job
            for job in self._snapshot.ledger.find_jobs(source["source_id"])
            if job["operation"] == "remove" and job["sha256"] == source["photo"]["sha256"]
            if (job["variant"] or MASK_VARIANT) != MASK_VARIANT or job["purchase_spec"] not in MASK_SPECS.values()
        ]
        since = invocation.started_at
        were_bought = [
            {version["status"] in BOUGHT_STATUSES for version in self._snapshot.list_job_versions(job["job_id"], since)}
            for job in cut_outs
        ]
        had_cut_out = any(states == {True} for states in were_bought)
        has_changed = not had_cut_out and any(True in states for states in were_bought)
        photo_name = identify_product_photo(source["photo"]["sha256"])
        return check_mask(
            source,
            self._snapshot.jobs,
            is_transparent=photo_name in TRANSPARENT_PHOTO_NAMES,
            had_cut_out=None if has_changed else had_cut_out,
            has_mandate=bool(self._list_term_codes(source["key"])),
        )

    def _list_resolutions(
        self, layers: InstructionLayers, source: JsonObject | None, since: datetime | None, *, paid: bool = False
    ) -> list[Resolution]:
        """Returns what the layers may resolve to after variants were refused for their mandate's terms, or their names.

        `paid`: everything is paid already, so that no limit applies.
        """
        if source is None:
            return [resolve_expected(layers, paid=paid)]
        refused_by_terms = [one for one in source["problems"] if one["code"] in self._list_term_codes(source["key"])]
        # The report may also have what the terms refused in an earlier request.
        own_refusals = [one for one in refused_by_terms if one["origin"] != "request"]
        resolutions = [resolve_expected(layers, paid=paid)]
        for problems in (refused_by_terms, own_refusals) if refused_by_terms else ():
            refused = frozenset(one["variant"] for one in problems)
            resolutions += [
                refuse_variants(
                    resolve_expected(layers, paid=paid, excluded=refused),
                    variants,
                    {(one["variant"], one["code"]) for one in problems},
                )
                for variants in (refused, refused - source["jobs"].keys())
            ]
        return [found for one in resolutions for found in self._add_name_refusals(one, source, since)]

    def _add_name_refusals(
        self, resolution: Resolution, source: JsonObject, since: datetime | None
    ) -> list[Resolution]:
        """Returns a resolution, and what is left of it without the variants that a photo reports as refused.

        Only variants with a name that another photo has had since then may be refused. A variant whose request was
        refused may still have the job of its other instructions.
        """
        reported = {problem["variant"] for problem in source["problems"] if problem["code"] == NAME_TAKEN}
        refused = {
            variant
            for variant in reported & resolution.instructions_by_variant.keys()
            for name in list_named_keys(source["key"], resolution.instructions_by_variant[variant])
            if self._pictures.was_taken(name, source["source_id"], since)
        }
        if not refused:
            return [resolution]
        return [resolution, *(refuse_names(resolution, one) for one in (refused, refused - source["jobs"].keys()))]

    def _check_content(
        self, after: JsonObject, invocation: Invocation, jobs: Mapping[str, JsonObject]
    ) -> list[Violation]:
        digests = self._history.list_digests(after["key"], invocation.started_at)
        keys = [job["key"] for job in jobs.values() if job["sha256"] not in digests]
        return [
            Violation(Invariant.INSTRUCTIONS_FOLLOWED, f"{key}: its job is for bytes that were not in the bucket")
            for key in keys
        ]

    # -- rest ---------------------------------------------------------------------------------------------------

    def check_current(self, photos: Mapping[str, frozenset[str]]) -> list[Violation]:
        """Checks the ledger against the current instructions.

        `photos`: by key, the codes that are right whatever the instructions.
        """
        jobs_by_key: defaultdict[str, list[JsonObject]] = defaultdict(list)
        for job in self._snapshot.jobs.values():
            jobs_by_key[job["key"]].append(job)
        sources_by_key: dict[str, JsonObject] = {}
        for source in self._snapshot.sources.values():
            sources_by_key.setdefault(source["key"], source)
        expectations = {
            key: self._build_expectation(key, allowed_codes, sources_by_key.get(key), jobs_by_key[key])
            for key, allowed_codes in photos.items()
        }
        complete_expectations = {key: expectation for key, expectation in expectations.items() if expectation}
        return check_final_resolutions(self._snapshot.ledger, complete_expectations) + self._check_blocked()

    def _build_expectation(
        self, key: str, allowed_codes: frozenset[str], source: JsonObject | None, jobs: Iterable[JsonObject]
    ) -> ExpectedResolution | None:
        current = self._history.read_current_layers(key)
        requested_samples = tuple(self._users.samples_by_requested_key.get(key, ()))
        if current is None or key in self._users.waived_keys:
            return None
        error_codes = {code for name in requested_samples for code in SAMPLES[name].error_codes | COMBINATION_CODES}
        paid_states = _list_paid_states(jobs)
        return ExpectedResolution(
            current=resolve_expected(current),
            earlier=(
                resolution
                for layers in self._history.iterate_own_layers(key, requested_samples)
                for paid in paid_states
                for resolution in self._list_resolutions(layers, source, None, paid=paid)
            ),
            allowed_codes=allowed_codes | (REQUEST_CODES | error_codes if requested_samples else frozenset[str]()),
            was_removed=key in self._users.uninstructed_keys,
        )

    def _check_blocked(self) -> list[Violation]:
        world = self._snapshot.world
        codes_by_key = dict.fromkeys(self._history.list_folder_defaults(), frozenset[str]())
        for key in codes_by_key:
            found = world.input_bucket.find_current(key)
            if found:
                codes_by_key[key] = SAMPLES[SAMPLE_NAME_BY_BYTES[found.data or b""]].error_codes
        return check_blocked_photos(self._snapshot.ledger, codes_by_key)

    def check_final_state(
        self, job_id_by_picture: Mapping[str, str], versions_by_key: Mapping[str, Collection[str]]
    ) -> list[Violation]:
        """Returns the other violations at rest. `versions_by_key`: see check_picture_versions."""
        ledger, users = self._snapshot.ledger, self._users
        current_keys = set(self._snapshot.world.input_bucket.list_keys())
        deleted_keys = [key for key in self._history.versions if key not in current_keys]
        waiting_job_ids = self._snapshot.list_excused_job_ids()
        uncertain_job_ids = {job for job in waiting_job_ids if ledger.jobs[job]["status"] in ("submitting", "unknown")}
        late_job_ids = {job for job in waiting_job_ids if self._was_written_after_deletion(job)}
        excused_job_ids = uncertain_job_ids | late_job_ids | (waiting_job_ids & users.redriven_job_ids)
        paired_keys = set[str]() if users.has_clock_faults else users.paired_keys - users.waived_keys
        return [
            *check_paired_uploads(ledger, paired_keys),
            *check_requests_recorded(ledger, users.key_by_request_id),
            *check_removed_variants(ledger, job_id_by_picture),
            *check_outputs(ledger),
            *check_picture_versions(without_lost_names(ledger, self._pictures.claims), versions_by_key),
            *check_deleted_photos(ledger, deleted_keys, excused_job_ids),
        ]

    def _was_written_after_deletion(self, job_id: str) -> bool:
        """Whether the ledger received the job's first write late. Render ends such a job when its lane resumes."""
        (written_at, job), *_ = self._snapshot.job_versions[job_id]
        deleted_at = max((at for at, version in self._history.versions[job["key"]] if version is None), default=None)
        return deleted_at is not None and written_at > deleted_at


def _list_paid_states(jobs: Iterable[JsonObject]) -> list[bool]:
    """Returns whether limits may not apply to these jobs. They no longer do once a job is paid or reuses a file."""
    has_file = any(job["reused_from"] or sum_charged(job) or sum_uncertain(job) for job in jobs)
    return [False, True] if has_file else [False]


def is_rerun(invocation: Invocation, key: str) -> bool:
    """Whether the worker received an operator's order to resolve this photo again."""
    bodies = [_parse_object(message.body) for message in invocation.messages]
    return any(body.get("key") == key and body.get("kind") == RerunMessage.kind for body in bodies)


def _find_requested_samples(invocation: Invocation, key: str) -> dict[str, str]:
    """Returns the names of the samples that the worker's messages request for this photo, by message ID."""
    return {
        message.id: name
        for message in invocation.messages
        if (body := _parse_object(message.body)).get("key") == key
        for name, sample in SAMPLES.items()
        if sample.fields == body.get("instructions")
    }


def _parse_object(body: str) -> dict[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
