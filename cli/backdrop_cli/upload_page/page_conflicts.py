"""Why a marketplace cannot take the pictures that were chosen on the page, for readers who write no JSON."""

from backdrop.instructions.merge import list_variants, merge_instructions
from backdrop.instructions.sources import parse_file
from backdrop.model.output_spec import find_marketplace_conflicts

_TEXTS = {
    "operation": "{it} requires a white background. Choose “No background”, or leave {it} out.",
    "logo": "{it} does not accept pictures with a logo. Choose no logo, or leave {it} out.",
    "shadow": "{it} requires a white background, and a shadow darkens it. Choose no shadow, or leave {it} out.",
}
"""What to choose instead, by the field in conflict; `{it}` is the marketplace's name on the page."""


def list_conflicts(sidecar: bytes) -> list[str]:
    """Returns each conflict once, as sentences. The sidecar has no errors and only fields that the page offers."""
    source = parse_file("", sidecar)
    resolved = (merge_instructions([source], variant) for variant in list_variants([source]))
    conflicts = (conflict for one in resolved for conflict in find_marketplace_conflicts(one.fields))
    texts = (_TEXTS[one.field].format(it=f"“{one.marketplace.title}”") for one in conflicts)
    return list(dict.fromkeys(texts))
