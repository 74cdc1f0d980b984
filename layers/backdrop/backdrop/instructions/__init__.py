"""Instructions: what sidecars, tags, requests, and folder defaults may contain, and how they are merged."""
