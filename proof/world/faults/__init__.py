"""Announced faults: everything that may go wrong in the world, each seeded, counted, and ended together."""

from proof.world.faults import directed, people, provider, queues, services, workers
from proof.world.faults.plan import FAULTS, Fault, Faults, by_lot, draw_faults

__all__ = ["FAULTS", "Fault", "Faults", "by_lot", "draw_faults"]

PARTS = directed, people, provider, queues, services, workers
"""The modules that register faults; importing them is enough."""
