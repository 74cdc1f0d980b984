"""Instructions: what sidecars, tags, requests and folder defaults may say, and how they are merged into one."""
