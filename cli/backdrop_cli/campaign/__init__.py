"""The `backdrop campaign` commands: quote, run, status, and stop."""
