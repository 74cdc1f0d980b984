"""Render: buys a job's picture from its provider, once."""
