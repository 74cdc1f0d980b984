"""A new stack can import what a deleted stack retained, defined exactly as the stack would create it."""

from typing import Any, cast

from backdrop_local import template
from backdrop_local.home import ROOT

# Present only in the whole stack: the buckets' connections to the stack, and whether it owns them.
OF_THE_WHOLE = {"Condition", "DependsOn"}
TLS_ONLY = "TlsOnly"
KEPT = template.load_template(ROOT / "kept.yaml")["Resources"]
ALL = template.load_template()["Resources"]


def apply_default_tls(node: Any) -> Any:
    """Returns a part of the template with what RequireTls adds by default."""
    match node:
        case {"Fn::If": [name, then, _]} if name == TLS_ONLY:
            return apply_default_tls(then)
        case dict():
            return {key: apply_default_tls(value) for key, value in cast("dict[str, Any]", node).items()}
        case list():
            return [apply_default_tls(value) for value in cast("list[Any]", node)]
        case _:
            return node


def test_retained_resources_are_defined_as_the_stack_creates_them() -> None:
    """The update after the import would change, or even replace, what differs."""
    for name, kept in KEPT.items():
        whole = {key: value for key, value in apply_default_tls(ALL[name]).items() if key not in OF_THE_WHOLE}
        properties = {key: value for key, value in whole["Properties"].items() if key != "NotificationConfiguration"}
        assert kept == {**whole, "Properties": properties}, name


def test_every_retained_resource_can_be_imported() -> None:
    outlives = {name for name, resource in ALL.items() if resource.get("DeletionPolicy", "Delete") != "Delete"}
    assert outlives == {*KEPT}


def test_no_update_of_the_stack_replaces_a_resource() -> None:
    """The ledger has no explicit name, because naming the table later would replace it with an empty one."""
    assert "TableName" not in ALL["LedgerTable"]["Properties"]
