"""The `backdrop demo` command: runs photos through a local cloud, and shows the results."""
