"""What `backdrop campaign` does: quotes many photos as one, has them bought, shows how far it is, stops it."""
