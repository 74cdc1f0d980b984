"""Reconcile: finds work that no event reports, and resends, resolves, or sweeps it."""
