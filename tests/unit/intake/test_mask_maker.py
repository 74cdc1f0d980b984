"""Who makes a photo's mask: the cheapest enabled provider, unless another one has been paid for it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from backdrop.instructions.sources import parse_request
from backdrop.intake.job_planner import BucketImages, JobPlanner, RoutingContext, assume_free_names
from backdrop.model.job import Job, JobStatus, Source
from backdrop.model.photo_facts import PhotoFacts
from tests.unit.ledger_items import NOW

BEACH = {"prompt": "a beach", "subject": {"mask": "buy"}}
MATTING = {"operation": "remove", "provider": "runware", "model": "birefnet-matting"}
PLAIN = {"operation": "remove"}


def plan(request: dict[str, Any], enabled: Sequence[str], *known: Job) -> list[Job]:
    planner = JobPlanner(
        photo_source=Source(source_id="s", bucket="photos", key="a.jpg"),
        photo=PhotoFacts(etag="e", uploaded_at=NOW, size=1, sha256="a" * 64, format="jpeg"),
        known_jobs=known,
        routing=RoutingContext("ideogram", enabled),
        images=BucketImages(lambda _: [], lambda _: [], None, None),
        mandate=None,
        claim_names=assume_free_names,
        now=NOW,
    )
    return [*planner.plan([parse_request(request)]).jobs]


def plan_cut_out(request: dict[str, Any], status: JobStatus) -> Job:
    (job,) = plan(request, ["ideogram", "runware"])
    return replace(job, status=status)


@pytest.mark.parametrize(
    ("enabled", "known", "maker"),
    [
        (["ideogram"], [], PLAIN),
        (["ideogram", "runware"], [], MATTING),
        (["segmind", "runware"], [], MATTING),
        (["segmind"], [], None),
        # Another maker's is being bought, or is there.
        (["ideogram", "runware"], [(PLAIN, JobStatus.STORED)], PLAIN),
        (["ideogram", "runware"], [(PLAIN, JobStatus.PAID)], PLAIN),
        (["ideogram", "runware"], [(PLAIN, JobStatus.ACCEPTED)], MATTING),
        (["ideogram"], [(MATTING, JobStatus.STORED)], None),
        (["ideogram", "runware"], [(PLAIN, JobStatus.STORED), (MATTING, JobStatus.STORED)], MATTING),
        # It is none of the makers' masks, but shows the same.
        (["ideogram", "runware"], [(MATTING | {"model": "ideogram"}, JobStatus.STORED)], None),
    ],
)
def test_mask_is_the_cheapest_ones_unless_another_exists(
    enabled: list[str], known: list[tuple[dict[str, str], JobStatus]], maker: dict[str, str] | None
) -> None:
    cut_outs = [plan_cut_out(spec, status) for spec, status in known]
    request = BEACH | ({"provider": enabled[0]})
    masks = [job for job in plan(request, enabled, *cut_outs) if job.is_mask]
    assert [job.purchase_spec for job in masks] == ([maker] if maker else [])
    if maker:
        assert masks[0].job_id == plan_cut_out(maker, JobStatus.ACCEPTED).job_id
        assert masks[0].quoted == (600 if maker is MATTING else 10_000)
