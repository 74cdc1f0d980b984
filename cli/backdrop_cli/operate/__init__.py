"""The operator commands; each asks for confirmation before it spends money or ends work."""
