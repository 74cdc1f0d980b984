"""Writes all pages and schemas that are generated from the code: `make docs`. Each generator also runs alone."""

import runpy

GENERATORS = (
    *(
        "schemas",
        "event_schemas",
        "reference",
        "marketplaces",
        "commands",
        "settings",
        "architecture",
        "providers",
        "troubleshooting",
        "bill",
    ),
    *("aws_cost", "costs", "bench"),
)

if __name__ == "__main__":
    for name in GENERATORS:
        runpy.run_module(f"docs.make_{name}", run_name="__main__")
