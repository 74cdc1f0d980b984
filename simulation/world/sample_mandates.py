"""A mandate for a folder of the simulated world."""

from typing import Any

from backdrop.model.mandate import Mandate
from simulation.world.simulated_stack import INPUT_BUCKET, World

NEVER_REACHED = 10**15


def create_mandate(world: World, prefix: str, limit: int = NEVER_REACHED, **terms: Any) -> Mandate:
    """Creates a mandate for the folder; `limit` in micro-dollars, `terms`: other fields of Mandate."""
    facts: dict[str, Any] = {
        "name": "anna",
        "bucket": INPUT_BUCKET,
        "prefix": prefix,
        "limit": limit,
        "created_at": world.clock.now(),
        "created_by": "arn:aws:iam::123456789012:user/ops",
    }
    return world.mandates.create(Mandate(**facts | terms))
