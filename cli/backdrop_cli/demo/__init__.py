"""What `backdrop demo` does: drops photos on a local cloud and shows what comes back."""
