"""Writes docs/results/aws_cost.md from what the bench counted, AWS's prices, and template.yaml: `make docs`."""

from pathlib import Path

from bench.aws_cost.found import kept
from bench.aws_cost.page import document

PAGE = Path(__file__).parent / "results" / "aws_cost.md"


def page() -> str:
    return document(kept())


if __name__ == "__main__":
    PAGE.write_text(page())
