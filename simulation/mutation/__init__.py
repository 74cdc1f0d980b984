"""Mutants: the product with one guard taken out; each must break a promise that the seeds check."""
