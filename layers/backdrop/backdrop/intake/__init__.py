"""Intake: decides for each photo what should be done, and writes its jobs."""
