"""The proof that money is spent once: a simulated world, and what is run in it."""
