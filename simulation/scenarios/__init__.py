"""Seeds: one world each, with photos, people and faults drawn by the seed, and every promise checked at every step."""
