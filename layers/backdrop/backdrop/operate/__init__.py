"""What operators do to a running stack: redrive, rerun, and cancel."""
