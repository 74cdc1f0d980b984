"""Announced faults: everything that may go wrong in the world, each seeded, counted, and ended together."""

from proof.world.faults import directed, people, provider, queues, services, workers
from proof.world.faults.plan import AT, FAULTS, Fault, Faults, by_fault, by_lot, draw_faults, lane_faults, named

__all__ = ["AT", "FAULTS", "Fault", "Faults", "by_fault", "by_lot", "draw_faults", "lane_faults", "named"]

PARTS = directed, people, provider, queues, services, workers
"""The modules that register faults; importing them is enough."""
