"""The pipeline beside which Backdrop is put: one queue, one function, as tutorials build it, and built with care."""
