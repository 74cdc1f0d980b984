"""The items that a campaign's prefix or manifest names, one at a time, and the price of each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import takewhile

from backdrop.aws.ledger import Ledger
from backdrop.campaigns.campaign import Campaign, campaign_refused, merge_row_instructions
from backdrop.campaigns.manifest import BadRow, ManifestRow, parse_rows
from backdrop.campaigns.quote import ItemQuote
from backdrop.intake.name_claims import NameClaims
from backdrop.intake.preview import JobPreviewer
from backdrop.model.errors import UnreadableFileError
from backdrop.model.ids import derive_source_id
from backdrop.model.intake_event import IncomingRequest
from backdrop.model.job import Problem
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.ports import InputBucket, ListedObject, ManifestReader


@dataclass(frozen=True)
class RowReader:
    """Reads listings and manifests of any length as streams."""

    photos: InputBucket
    manifests: ManifestReader
    bucket: str

    def read_rows(self, campaign: Campaign) -> Iterator[ManifestRow | BadRow]:
        """Returns every row with its complete instructions. Raises RefusedError if the manifest cannot be read."""
        instructions = campaign.instructions
        if campaign.manifest is None:
            prefix = campaign.prefix or ""
            return (ManifestRow(0, listed.key, instructions) for listed in self._list_objects_from(prefix))
        chunks = self.manifests.read_chunks(self.bucket, campaign.manifest)
        if chunks is None:
            raise campaign_refused(f"The input bucket has no {campaign.manifest}.")
        return _reject_conflicting_rows(
            _add_campaign_instructions(row, campaign) for row in parse_rows(campaign.manifest, chunks)
        )

    def _list_objects_from(self, prefix: str) -> Iterator[ListedObject]:
        """Yields all objects whose keys begin with the prefix, which may also be the complete key of one object."""
        yield from self._find_object(prefix)
        yield from takewhile(
            lambda listed: listed.key.startswith(prefix), self.photos.iterate_objects(self.bucket, prefix)
        )

    def _find_object(self, key: str) -> Iterator[ListedObject]:
        stored = self.photos.read(self.bucket, key, max_bytes=0) if key else None
        if stored:
            yield ListedObject(key, stored.etag, stored.modified_at)


def _add_campaign_instructions(row: ManifestRow | BadRow, campaign: Campaign) -> ManifestRow | BadRow:
    if isinstance(row, BadRow):
        return row
    return replace(row, instructions=merge_row_instructions(campaign.instructions, row.instructions))


def _reject_conflicting_rows(rows: Iterator[ManifestRow | BadRow]) -> Iterator[ManifestRow | BadRow]:
    """Rejects a row that would replace an earlier row, because it has different instructions for the same photo.

    Digests of all rows stay in memory, about 200 MB for a million rows.
    """
    digest_by_key: dict[bytes, bytes] = {}
    for row in rows:
        if isinstance(row, ManifestRow):
            key_digest, instructions_digest = (
                _compute_digest(row.key),
                _compute_digest(json.dumps(row.instructions, sort_keys=True)),
            )
            if digest_by_key.get(key_digest, instructions_digest) != instructions_digest:
                reason = (
                    f"an earlier row has different instructions for {row.key}; for several pictures, use `variants`"
                )
                yield BadRow(row.number, reason)
                continue
            row = replace(row, is_repeat=key_digest in digest_by_key)
            digest_by_key[key_digest] = instructions_digest
        yield row


def _compute_digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True)
class CampaignPricing:
    """Quotes items without opening their photos. Jobs that the ledger records as bought cost nothing."""

    previewer: JobPreviewer
    ledger: Ledger
    name_claims: NameClaims

    def clear_caches(self) -> None:
        """Clears cached folder defaults and references, which may have changed since they were read."""
        self.previewer.resolver.clear_caches()
        if self.previewer.mandates:
            self.previewer.mandates.clear()

    def quote_row(self, row: ManifestRow) -> ItemQuote:
        """Quotes the jobs that intake would plan for the item at this moment."""
        if classify_key(row.key) is not ObjectKind.PHOTO:
            return ItemQuote(row, is_photo=False)
        source_id = derive_source_id(self.previewer.bucket, row.key)
        known_photo = self.ledger.read_photo(source_id)
        request = IncomingRequest("", row.instructions, is_listed=row.is_listed)
        try:
            preview = self.previewer.preview(
                row.key,
                inspect_bytes=False,
                request=request,
                recorded=known_photo,
                claim_names=partial(self.name_claims.claim_names, source_id),
            )
        except UnreadableFileError as error:
            return ItemQuote(row, problems=(Problem.from_error(error, self.previewer.resolver.clock.now()),))
        if preview is None:
            return ItemQuote(row, is_missing=True)
        plan, _ = preview
        settled_job_ids = {job.job_id for job in known_photo[1] if job.needs_no_purchase}
        jobs = tuple(replace(job, quoted=0) if job.job_id in settled_job_ids else job for job in plan.jobs)
        photo = known_photo[0].photo if known_photo[0] else None
        is_current = photo and any(job.sha256 == photo.sha256 for job in jobs)
        photo_size = photo.pixel_size if photo and is_current else None
        return ItemQuote(row, jobs=jobs, problems=plan.problems, filled_texts=plan.filled_texts, photo_size=photo_size)
