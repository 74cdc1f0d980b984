"""Writes docs/troubleshooting.md from the closed list of codes: `make docs` (a test checks that it is up to date)."""

from pathlib import Path

from backdrop.model.advice import FollowUp
from backdrop.model.codes import Code, Disposition
from backdrop.model.error_catalog import ERROR_CATALOG, CatalogEntry
from docs.tables import table

PAGE = Path(__file__).parent / "troubleshooting.md"
ENDS = {
    Disposition.REFUSED: (
        "The uploader can mend it",
        "The job, or the photo before it has one, ends `refused`. Nothing was bought. There is a report at the photo, "
        "and no alarm.",
    ),
    Disposition.WAITING: (
        "It waits, and goes by itself",
        "Nothing to do for the uploader: the photo goes when what stands in its way is gone. Where a whole provider is "
        "paused there is one report, `_backdrop/errors/_providers/<provider>.json`, for all photos that wait.",
    ),
    Disposition.DEAD: (
        "The operator or the provider must mend it",
        "The job ends `dead`, with a letter in the dead-letter queue. `backdrop redrive` brings it on its way again.",
    ),
    Disposition.HELD: (
        "A person must decide about money",
        "The job ends `held`. Nothing is bought for it until somebody says so.",
    ),
}
_PAID = "the picture, at its price"
# What a code that does not end in front of the till has cost; the others' ends say it.
COSTS = {
    **dict.fromkeys(
        (
            Code.UNSAFE_RESULT,
            Code.RESULT_UNRECOGNIZED,
            Code.LINK_EXPIRED,
            Code.RESULT_GONE,
            Code.RESULT_FOREIGN_HOST,
            Code.RESULT_REDIRECTED,
            Code.RESULT_NOT_AN_IMAGE,
            Code.RESULT_TRUNCATED,
            Code.RESULT_TOO_LARGE,
            Code.RESULT_NOT_TRANSPARENT,
            Code.OUTPUT_NOT_MADE,
        ),
        _PAID,
    ),
    Code.JOB_IN_FLIGHT: "the call that is out, where it is charged",
    Code.RESULT_UNREACHABLE: f"{_PAID}; the download costs nothing",
    Code.PAID_FILE_GONE: "nothing new; the picture was paid when it was made",
    **dict.fromkeys((Code.CHARGE_UNKNOWN, Code.PROVIDER_FAILED), "nothing or the price: `unknown_usd`"),
    Code.CRASHED: "what the report says",
    Code.MESSAGE_GIVEN_UP: "what the report says",
}

# Where a day is told on which a code stands at many photos.
RUNBOOKS = {
    Code.PROVIDER_KEY_MISSING: "key-rotated",
    Code.PROVIDER_KEY_REFUSED: "key-rotated",
    Code.PROVIDER_OUT_OF_MONEY: "balance-empty",
    Code.PROVIDER_UNAVAILABLE: "provider-down",
    Code.BUDGET_REACHED: "too-many-images",
    Code.PROVIDER_NOT_CONFIGURED: "leaving-a-provider",
    Code.CRASHED: "bad-deploy",
    Code.MESSAGE_GIVEN_UP: "bad-deploy",
}


def codes(end: Disposition) -> str:
    """Every code that leaves its job so."""
    rows = [
        (f'<a id="{code}"></a>`{code}`', str(facts.meaning), COSTS.get(code, "nothing"), _hint(facts) + _runbook(code))
        for code, facts in ERROR_CATALOG.items()
        if facts.disposition is end
    ]
    return table(("code", "what happened", "what it cost", "what to do"), rows)


def _hint(facts: CatalogEntry) -> str:
    """Without what the section says of all its codes that wait."""
    if facts.advice.follow_up is not FollowUp.WAITS:
        return str(facts.hint)
    return f"{facts.advice.remedy}." if facts.advice.remedy is not None else "nothing"


def _runbook(code: Code) -> str:
    return f" ([runbook](runbooks/{RUNBOOKS[code]}.md))" if code in RUNBOOKS else ""


def page() -> str:
    """The whole page."""
    parts = [f"## {head}\n\n{words}\n\n{codes(end)}" for end, (head, words) in ENDS.items()]
    return f"""# Troubleshooting, code by code

This page is written from the code by `make docs`; do not edit it.

Whatever goes wrong has one of the codes below. The same code stands in the photo's error report
(`_backdrop/errors/<key>.json`), on the before/after page, in events, metrics and dead letters.

- Everything that is wrong now, with what it cost and what to do: `backdrop failures`
- One photo's whole story: `backdrop show shoes/red.jpg`
- A stack that does nothing at all: `backdrop doctor`
- A day on which something large goes wrong: [runbooks](runbooks/README.md); an alarm that rang: [alarms.md](alarms.md)

Where a code and a report differ about money, the report is right: it counts every call that was made for the photo,
also those that failed before.

{"\n\n".join(parts)}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
