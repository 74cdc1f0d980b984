"""The `backdrop` command: commands for photos, operators (`operate`), campaigns, and the local cloud."""
