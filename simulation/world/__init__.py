"""The simulated world: one thread, one seed, and clients that speak like boto3's to the product's own adapters."""
