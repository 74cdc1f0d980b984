"""Backdrop: photos dropped into a bucket come back with a new background, each paid for once."""
