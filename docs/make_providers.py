"""Writes the table of all parameters into docs/providers.md: `make docs` (a test checks that it is current)."""

import re
from pathlib import Path

from backdrop.model.capabilities import CAPABILITIES
from docs.provider_parameters import FIXED_PARAMETERS, PUBLISHED_PARAMETERS, ApiColumn, PublishedParameter
from docs.tables import format_table

PAGE = Path(__file__).parent / "providers.md"
MARKED_PART = re.compile(r"(?s)(?P<begin><!-- table: parameters -->\n).*?(?=<!-- end -->)")


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


def build_page() -> str:
    return MARKED_PART.sub(lambda part: f"{part['begin']}\n{format_parameters()}\n\n", PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(build_page())
