"""What `backdrop page` does: serves a page on this machine where a colleague drops photos and sees what comes back."""
