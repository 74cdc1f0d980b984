"""What `backdrop lint` does: finds in a folder of this machine what intake would refuse, before it is uploaded."""
