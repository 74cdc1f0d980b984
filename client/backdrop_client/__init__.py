"""Backdrop from Python: `Backdrop(stack="backdrop").create("cup.jpg", prompt="on marble").wait()`."""
