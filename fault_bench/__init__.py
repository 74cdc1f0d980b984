"""The fault bench: photos through the deployed stack under seeded faults, next to a pipeline as tutorials build it."""
