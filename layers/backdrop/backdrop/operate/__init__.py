"""What people do to a running stack: redrive, rerun, cancel."""
