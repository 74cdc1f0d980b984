"""The paid APIs, one file each, and the HTTP that they share."""
