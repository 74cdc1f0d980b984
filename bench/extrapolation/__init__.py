"""Beyond one machine: the product's code in the simulated world, with time as the emulator or AWS takes it."""
