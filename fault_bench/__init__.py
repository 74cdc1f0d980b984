"""The fault bench: photos through the deployed stack under seeded faults, beside a pipeline as tutorials build it."""
