"""The before/after page, built from receipts and error reports, that opens from disk."""
