"""The local cloud: emulator, stack, stand-in provider, and demo, on one machine without Docker."""
