"""Intake: decides what to do with each photo, and writes its jobs."""
