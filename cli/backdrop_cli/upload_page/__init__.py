"""The `backdrop page` command: serves an upload page on this machine."""
