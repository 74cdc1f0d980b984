"""The operator commands; each asks before it costs or ends something."""
