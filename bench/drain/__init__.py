"""How close a pipeline comes to N·S/C: N photos, C calls at a time, S seconds each, through a local cloud."""
