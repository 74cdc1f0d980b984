"""The `backdrop` command, one module per verb."""
