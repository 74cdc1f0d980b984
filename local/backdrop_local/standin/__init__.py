"""The stand-in provider server: responds as the paid APIs do, and records what they would bill."""
