"""Planned faults: everything that may go wrong in the world. They are seeded, counted, and ended together."""

from simulation.world.fault_profile import (
    operator_faults,
    provider_faults,
    queue_faults,
    service_faults,
    targeted_faults,
    worker_faults,
)
from simulation.world.fault_profile.fault_types import (
    FAULT_TYPES,
    LANE_SEPARATOR,
    FaultType,
    InstalledFaults,
    count_by_type,
    draw_faults,
    find_fault_type,
    order_by_name_and_seed,
    order_lane_faults,
)

__all__ = [
    "LANE_SEPARATOR",
    "FAULT_TYPES",
    "FaultType",
    "InstalledFaults",
    "count_by_type",
    "order_by_name_and_seed",
    "draw_faults",
    "order_lane_faults",
    "find_fault_type",
]

FAULT_MODULES = targeted_faults, operator_faults, provider_faults, queue_faults, service_faults, worker_faults
"""The modules that register faults when they are imported."""
