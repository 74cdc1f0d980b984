"""Why a marketplace cannot take the pictures that were chosen on the page, for readers who write no JSON."""

from backdrop.instructions.merge import list_variants, merge_instructions
from backdrop.instructions.sources import parse_file
from backdrop.instructions.values import COLORS
from backdrop.model.marketplaces import Marketplace
from backdrop.model.output_spec import find_marketplace_conflicts

_TEXTS = {
    "operation": "{it} requires a {color} background. Choose “No background”, or leave {it} out.",
    "logo": "{it} does not accept pictures with a logo. Choose no logo, or leave {it} out.",
    "shadow": "{it} requires a {color} background, and a shadow darkens it. Choose no shadow, or leave {it} out.",
}
"""What to choose instead, by the field in conflict; `{it}` is the marketplace's name on the page, and `{color}` the
background that its rule requires."""
_NAMES_OF_COLORS = {code: name for name, code in COLORS.items()}


def list_conflicts(sidecar: bytes) -> list[str]:
    """Returns each conflict once, as sentences. The sidecar has no errors and only fields that the page offers."""
    source = parse_file("", sidecar)
    resolved = (merge_instructions([source], variant) for variant in list_variants([source]))
    conflicts = (conflict for one in resolved for conflict in find_marketplace_conflicts(one.fields))
    texts = (
        _TEXTS[one.field].format(it=f"“{one.marketplace.title}”", color=_name_background(one.marketplace))
        for one in conflicts
    )
    return list(dict.fromkeys(texts))


def _name_background(marketplace: Marketplace) -> str:
    rule = marketplace.background_rule
    return " or ".join(_NAMES_OF_COLORS.get(one, one) for one in rule.one_of) if rule else ""
