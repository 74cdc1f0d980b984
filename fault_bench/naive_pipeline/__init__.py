"""The pipeline that Backdrop is compared with: a queue and a function, as in tutorials, but built with more care."""
