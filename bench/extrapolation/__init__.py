"""Extrapolation beyond one machine: the product's code in the simulated world, with the emulator's or AWS's times."""
