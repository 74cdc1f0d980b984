"""Mutants: the product without one of its guards. Each must break the invariant that the guard protects."""
