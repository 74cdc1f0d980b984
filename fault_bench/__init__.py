"""The fault bench: photos through the deployed stack under seeded faults, next to a typical tutorial's pipeline."""
