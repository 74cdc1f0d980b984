"""Writes docs/results/aws_cost.md from what the bench counted, AWS's prices, and template.yaml: `make docs`."""

from pathlib import Path

from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.page import format_page

PAGE = Path(__file__).parent / "results" / "aws_cost.md"


def build_page() -> str:
    return format_page(load_costs())


if __name__ == "__main__":
    PAGE.write_text(build_page())
