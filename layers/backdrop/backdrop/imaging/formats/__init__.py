"""One module per file format: its structure, its metadata, and what a photo in it may be."""
