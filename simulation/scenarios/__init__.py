"""Seeds: each draws a world with photos, users, and faults. Every invariant is checked after every call."""
