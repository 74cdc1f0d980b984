"""Reconcile: finds what no event reports, and resends, resolves, or sweeps it."""
