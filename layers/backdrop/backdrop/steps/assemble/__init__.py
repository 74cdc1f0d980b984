"""How the steps are put together from the ports: the same for the doors and for the simulated world."""
