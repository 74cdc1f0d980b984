"""Reconcile: finds what no event reports, and resends, settles, or sweeps it."""
