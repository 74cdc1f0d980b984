"""Writes the table of all parameters into docs/providers.md: `make docs` (a test checks that it is current)."""

import re
from pathlib import Path

from backdrop.model.capabilities import CAPABILITIES
from docs.provider_parameters import (
    FIXED_PARAMETERS,
    IDEOGRAM_V2_FIXED_PARAMETERS,
    IDEOGRAM_V2_PARAMETERS,
    PUBLISHED_PARAMETERS,
    ApiColumn,
    PublishedParameter,
)
from docs.tables import format_table

PAGE = Path(__file__).parent / "providers.md"
MARKED_PART = re.compile(r"(?s)(?P<begin><!-- table: (?P<name>[a-z0-9 ]+) -->\n).*?(?=<!-- end -->)")


def format_parameters() -> str:
    """Returns a table with each published parameter of the five APIs, and how Backdrop sets it."""
    rows = [
        (f"{provider} {operation}", f"`{one.name}`", one.description, *_describe_use((provider, operation), one))
        for (provider, operation), parameters in PUBLISHED_PARAMETERS.items()
        for one in parameters
    ]
    return format_table(
        ("API", "parameter", "the vendor's values", "in Backdrop", "accepted, or why it is fixed"), rows
    )


def _describe_use(column: ApiColumn, parameter: PublishedParameter) -> tuple[str, str]:
    fixed = FIXED_PARAMETERS[column].get(parameter.name)
    if fixed:
        return f"fixed: {fixed.sent}", fixed.reason
    (name,) = (name for name, field in CAPABILITIES[column].items() if field.name == parameter.name)
    return f"`{name}`", f"{CAPABILITIES[column][name].accepted}"


def format_v2_parameters() -> str:
    """Returns the same table for Ideogram v2, whose parameters are a part of v1's."""
    rows = [
        (operation, f"`{one.name}`", one.description, *_describe_v2_use(operation, one))
        for operation, parameters in IDEOGRAM_V2_PARAMETERS.items()
        for one in parameters
    ]
    return format_table(("operation", "parameter", "Ideogram's values", "in Backdrop", "why it is fixed"), rows)


def _describe_v2_use(operation: str, parameter: PublishedParameter) -> tuple[str, str]:
    fixed = IDEOGRAM_V2_FIXED_PARAMETERS[operation].get(parameter.name)
    return (f"fixed: {fixed.sent}", fixed.reason) if fixed else (f"`{parameter.name}`", "")


def build_page() -> str:
    tables = {"parameters": format_parameters(), "v2 parameters": format_v2_parameters()}
    return MARKED_PART.sub(lambda part: f"{part['begin']}\n{tables[part['name']]}\n\n", PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(build_page())
