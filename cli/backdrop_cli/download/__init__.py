"""What `backdrop download` does: pictures out of the output bucket into one flat folder of this machine."""
