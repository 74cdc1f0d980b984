"""What a removed stack leaves behind can be taken back by the next one, just as that would have made it."""

from typing import Any, cast

from backdrop_local import template
from backdrop_local.home import ROOT

# What belongs to the whole stack alone: the buckets' wiring to it, and whether they are its own.
OF_THE_WHOLE = {"Condition", "DependsOn"}
TLS_ONLY = "TlsOnly"
KEPT = template.load(ROOT / "kept.yaml")["Resources"]
ALL = template.load()["Resources"]


def by_default(node: Any) -> Any:
    """A part of the template with what RequireTls adds by default."""
    match node:
        case {"Fn::If": [name, then, _]} if name == TLS_ONLY:
            return by_default(then)
        case dict():
            return {key: by_default(value) for key, value in cast("dict[str, Any]", node).items()}
        case list():
            return [by_default(value) for value in cast("list[Any]", node)]
        case _:
            return node


def test_what_is_kept_can_be_taken_back_as_the_stack_would_make_it() -> None:
    """What differed would be changed by the update after the import, or even made anew."""
    for name, kept in KEPT.items():
        whole = {key: value for key, value in by_default(ALL[name]).items() if key not in OF_THE_WHOLE}
        properties = {key: value for key, value in whole["Properties"].items() if key != "NotificationConfiguration"}
        assert kept == {**whole, "Properties": properties}, name


def test_all_that_outlives_its_stack_can_be_taken_back() -> None:
    outlives = {name for name, resource in ALL.items() if resource.get("DeletionPolicy", "Delete") != "Delete"}
    assert outlives == {*KEPT}


def test_no_resource_is_replaced_under_a_stack_that_is_updated() -> None:
    """The ledger has no name of its own: a table that is named later would be another, empty one."""
    assert "TableName" not in ALL["LedgerTable"]["Properties"]
