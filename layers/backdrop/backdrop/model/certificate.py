"""A picture's certificate: what was measured in its file, and whether that meets each rule of a marketplace."""

from enum import StrEnum

from backdrop.model.record import Record, record

type Measured = int | float | str | None
"""A number in the rule's unit, a value in words, or None if it cannot be measured."""


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    CANNOT_SAY = "cannot_say"

    @property
    def text(self) -> str:
        return self.value.replace("_", " ")

    @property
    def mark(self) -> str:
        return {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.CANNOT_SAY: "?"}[self]


def format_measured(measured: Measured) -> str:
    if isinstance(measured, float):
        return f"{measured:,.4g}"
    return f"{measured:,}" if isinstance(measured, int) else measured or "not measured"


@record
class RuleCheck(Record):
    """One rule, what it requires in words, and what was measured."""

    rule: str
    required: str
    measured: Measured
    verdict: Verdict

    @property
    def label(self) -> str:
        """The rule's name for people: `longest side`."""
        return self.rule.replace("_", " ")

    def describe(self) -> str:
        """Returns the value and what it must be, to be shown with the rule: `0.61 (must be at least 0.85)`."""
        return f"{format_measured(self.measured)} (must be {self.required})"


@record
class Certificate(Record):
    """The checks of one picture. `verdict`: failed if any check failed, passed if all passed, else cannot say."""

    marketplace: str
    rules_dated: str
    verdict: Verdict
    checks: tuple[RuleCheck, ...]

    @classmethod
    def from_checks(cls, marketplace: str, rules_dated: str, checks: tuple[RuleCheck, ...]) -> "Certificate":
        verdicts = {check.verdict for check in checks}
        worst = next(one for one in (Verdict.FAILED, Verdict.CANNOT_SAY, Verdict.PASSED) if one in verdicts)
        return cls(marketplace=marketplace, rules_dated=rules_dated, verdict=worst, checks=checks)
