"""The simulated world: one thread, one seed, and clients that behave like boto3's towards the product's adapters."""
