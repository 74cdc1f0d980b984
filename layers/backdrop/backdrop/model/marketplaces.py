"""The rules of marketplaces for product pictures, read from dated data files, and how a picture is judged by them.

A rule compares one measurement with limits or with a list of values. `imaging/measure.py` measures files;
`predict_measurements` states what an output's fields already decide.
"""

import json
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from backdrop.model.certificate import Certificate, Measured, RuleCheck, Verdict, format_measured
from backdrop.model.codec import validate
from backdrop.model.record import Record, record

type RuleName = Literal[
    "longest_side",
    "shortest_side",
    "megapixels",
    "aspect_ratio",
    "bytes",
    "format",
    "background",
    "subject_share",
    "whole_product",
    "ai_label",
    "logo",
]

FOLDER = Path(__file__).parent / "marketplace_rules"
"""One JSON file per marketplace, under the marketplace's name."""
WHOLE, CUT_OFF = "yes", "no"
NO_LABEL = "none"

_UNITS: Mapping[str, str] = {"longest_side": " pixels", "shortest_side": " pixels", "bytes": " bytes"}
_DEMANDS: Mapping[RuleName, str] = {
    "longest_side": "a longest side of {}",
    "shortest_side": "a shortest side of {}",
    "megapixels": "{} megapixels",
    "aspect_ratio": "that width divided by height is {}",
    "bytes": "a file of {}",
    "format": "the format {}",
    "background": "the background {}",
    "subject_share": "that the product fills {} of the frame",
    "whole_product": "that the whole product is in the frame",
    "ai_label": "the label {}",
}
"""What a rule requires, with a place for the accepted values."""
_CONSEQUENCES: Mapping[RuleName, str] = {"bytes": "this allows {}", "whole_product": "this cuts it off"}
"""What a field does that breaks a rule, with a place for the value; of other rules, it makes it that value."""
_DECIDING_FIELDS: Mapping[RuleName, tuple[str, ...]] = {
    "longest_side": ("width", "height"),
    "shortest_side": ("width", "height"),
    "megapixels": ("width", "height"),
    "aspect_ratio": ("width", "height"),
    "bytes": ("max_bytes",),
    "format": ("format",),
    "background": ("background",),
    "subject_share": ("margin", "width", "height"),
    "whole_product": ("fit",),
}
"""The fields of an output that decide what is measured."""


@record
class MarketplaceRule(Record):
    """A requirement of a marketplace: a measurement between `min` and `max`, or one of `one_of`.

    `applies_to`: the operations whose pictures it concerns; empty for all. `quality` of the source: `primary` is the
    marketplace's own page, `secondary` is a page about it. `read_on`: the date on which we read a copy of the source.
    """

    rule: RuleName
    source: str
    quality: Literal["primary", "secondary"]
    read_on: str
    min: int | float | None = None
    max: int | float | None = None
    one_of: tuple[str, ...] = ()
    applies_to: tuple[str, ...] = ()
    note: str = ""

    @property
    def demand(self) -> str:
        """What the rule requires, as the object of a sentence: `a longest side of 1,000 to 10,000 pixels`."""
        return _DEMANDS[self.rule].format(self.requirement)

    def find_deciding_field(self, names: Container[str]) -> str:
        """Returns the field among these fields of an output that decides what is measured; "" if none of them does."""
        return next((name for name in _DECIDING_FIELDS.get(self.rule, ()) if name in names), "")

    @property
    def requirement(self) -> str:
        """The accepted values, such as `1,000 to 10,000 pixels`."""
        if self.one_of:
            return " or ".join(self.one_of)
        unit = _UNITS.get(self.rule, "")
        if self.min is None:
            return f"at most {self.max:,}{unit}"
        if self.max is None:
            return f"at least {self.min:,}{unit}"
        return f"{self.min:,}{unit}" if self.min == self.max else f"{self.min:,} to {self.max:,}{unit}"

    def judge(self, measured: Measured, operation: str | None = None) -> Verdict:
        """Returns whether a measurement meets the rule. `operation`: how the picture was made, or None if unknown.

        A rule about some operations cannot fail a picture that may have been made by another one.
        """
        if measured is None:
            return Verdict.CANNOT_SAY
        if isinstance(measured, str):
            is_met = measured in self.one_of
        else:
            is_met = (self.min is None or measured >= self.min) and (self.max is None or measured <= self.max)
        if is_met:
            return Verdict.PASSED
        return Verdict.CANNOT_SAY if self.applies_to and operation is None else Verdict.FAILED


@record
class Marketplace(Record):
    """A marketplace's rules. `dated` is their date.

    `output`: the fields of an output that meets them, without the limit of bytes. `forbids`: rules about fields of
    instructions that no measurement can check, such as `logo`.
    """

    name: str
    title: str
    dated: str
    output: Mapping[str, Any]
    rules: tuple[MarketplaceRule, ...]
    forbids: tuple[MarketplaceRule, ...]

    def certify(self, measurements: Mapping[str, Measured], operation: str | None = None) -> Certificate:
        """Judges a picture's measurements by every rule. `operation`: how the picture was made, or None if unknown."""
        checks = tuple(
            RuleCheck(
                rule=rule.rule,
                required=rule.requirement,
                measured=measurements.get(rule.rule),
                verdict=rule.judge(measurements.get(rule.rule), operation),
            )
            for rule in self.rules
            if operation is None or not rule.applies_to or operation in rule.applies_to
        )
        return Certificate.from_checks(self.name, self.dated, checks)

    def find_broken_rules(self, measurements: Mapping[str, Measured]) -> Iterator[MarketplaceRule]:
        """Yields the rules that these measurements break."""
        return (rule for rule in self.rules if rule.judge(measurements.get(rule.rule)) is Verdict.FAILED)

    def find_violations(self, measurements: Mapping[str, Measured]) -> Iterator[tuple[MarketplaceRule, str]]:
        """Yields each rule that these measurements break, with a sentence that has the value."""
        for rule in self.find_broken_rules(measurements):
            consequence = _CONSEQUENCES.get(rule.rule, "this makes it {}")
            value = format_measured(measurements[rule.rule])
            yield rule, f"{self.name} requires {rule.demand}; {consequence.format(value)}"

    @property
    def forbidden_fields(self) -> dict[str, str]:
        """The fields that no picture for this marketplace can have, each with the reason as a sentence."""
        reasons: dict[str, str] = {
            rule.rule: f"{self.name} does not accept a picture with an added {rule.rule}" for rule in self.forbids
        }
        if rule := self.background_rule:
            reasons["shadow"] = f"{self.name} requires {rule.demand}, and a shadow darkens it"
        return reasons

    @property
    def background_rule(self) -> MarketplaceRule | None:
        return self._find_rule("background")

    @property
    def preset(self) -> dict[str, Any]:
        """The fields of an output that meets the rules, with the limit of bytes."""
        rule = self._find_rule("bytes")
        return {**self.output, **({"max_bytes": rule.max} if rule else {})}

    def _find_rule(self, name: RuleName) -> MarketplaceRule | None:
        return next((rule for rule in self.rules if rule.rule == name), None)


def list_marketplaces() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def load_marketplace(name: str) -> Marketplace:
    """Reads a marketplace's rules. Raises FileNotFoundError for an unknown name."""
    document = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return validate(Marketplace, {"name": name, **document})


def apply_marketplace(name: str, output: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of an `output` for one marketplace; the output's own fields win over the marketplace's.

    A single own side keeps the marketplace's proportions. `cover` leaves no room for the marketplace's margin. The
    quality of a PNG cannot be reduced, so the marketplace's limit of bytes does not apply to it.
    """
    own_fields = {field: value for field, value in output.items() if field != "for"}
    preset = load_marketplace(name).preset
    sides = {side: own_fields[side] for side in ("width", "height") if side in own_fields}
    if len(sides) == 1:
        ((side, length),) = sides.items()
        scale = length / preset[side]
        preset |= {"width": round(preset["width"] * scale), "height": round(preset["height"] * scale)}
    if own_fields.get("fit") == "cover":
        preset.pop("margin", None)
    if own_fields.get("format") == "png":
        preset.pop("max_bytes", None)
    return {"name": name, **preset, **own_fields, "for": name}
