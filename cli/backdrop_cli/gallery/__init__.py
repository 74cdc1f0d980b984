"""The before/after page: receipts and error reports in, a folder that opens from disk out."""
