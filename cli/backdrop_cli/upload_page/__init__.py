"""The upload page: photos and their instructions are uploaded in a browser, and their results are shown."""
