"""The review page: people approve, reject, or redo the pictures that wait for them."""
