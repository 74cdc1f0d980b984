"""The invariants, checked from outside against bill, buckets, and items, without imports from the product."""
