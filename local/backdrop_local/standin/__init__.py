"""The stand-in provider server: answers like the paid APIs, and counts what they would bill."""
