"""What `backdrop drop` does: says what it will cost, uploads what is not there yet, and follows it to its end."""
