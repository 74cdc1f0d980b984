"""The stand-in provider server: answers as the paid APIs do, and counts what they would bill."""
