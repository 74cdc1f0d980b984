"""Render: buys the picture of a job from its provider, once."""
