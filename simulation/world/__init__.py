"""The simulated world: one thread, one seed, and clients that the product's adapters cannot tell from boto3's."""
