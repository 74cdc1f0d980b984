"""Which contents have an owner in the ledger, for many photos with few requests."""

from collections.abc import Iterable
from itertools import batched

from backdrop.aws.items import content_owner_key, parse_content_owner
from backdrop.aws.table import MAX_BATCH_GET_KEYS, Table


class OwnedContents:
    """Finds the contents that a job pays or has paid for."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, content_ids: Iterable[str]) -> frozenset[str]:
        """Returns those of the contents that have an owner, with a request for each hundred."""
        keys = sorted({content_owner_key(one) for one in content_ids})
        return frozenset(
            parse_content_owner(item).content_id
            for batch in batched(keys, MAX_BATCH_GET_KEYS, strict=False)
            for item in self._table.read_items(batch).values()
        )
