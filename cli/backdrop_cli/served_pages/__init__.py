"""The `backdrop page` command: a server on this machine for the upload page and the review page."""
