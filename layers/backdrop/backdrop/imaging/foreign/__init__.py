"""The file formats that no provider takes, opened and decoded so that `prepare` can convert them."""
