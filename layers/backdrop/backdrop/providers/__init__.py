"""The paid APIs, one file each, and their shared HTTP code."""
