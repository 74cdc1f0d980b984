"""The `backdrop` command: verbs of the local cloud, one module each, and verbs of any stack, under `operate`."""
