"""The paid APIs, one file each, and the HTTP code that they share."""
