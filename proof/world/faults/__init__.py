"""Announced faults: everything that may go wrong in the world, each seeded, counted, and ended together."""

from proof.world.faults import people, provider, queues, services, workers
from proof.world.faults.plan import FAULTS, Fault, Faults, draw_faults

__all__ = ["FAULTS", "Fault", "Faults", "draw_faults"]

PARTS = people, provider, queues, services, workers
"""The modules that register faults; importing them is enough."""
