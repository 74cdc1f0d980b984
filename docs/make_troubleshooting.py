"""Writes docs/troubleshooting.md from the closed list of codes: `make docs` (a test checks that it is current)."""

from pathlib import Path

from backdrop.model.advice import FollowUp
from backdrop.model.codes import Code, Disposition
from backdrop.model.error_catalog import ERROR_CATALOG, CatalogEntry, PaidFile
from backdrop.model.job_warning import WarningCode
from docs.tables import format_table

PAGE = Path(__file__).parent / "troubleshooting.md"
SECTIONS = {
    Disposition.REFUSED: (
        "The customer can correct it",
        "The job ends `refused`; without a job, the photo does. No picture was bought. The photo has a report, and "
        "there is no alarm. `campaign_refused` and `max_total_exceeded` end a campaign before it requests anything; "
        "the campaign's report has the code.",
    ),
    Disposition.WAITING: (
        "The photo waits, and continues automatically",
        "The customer does not need to do anything: the photo continues once the cause is gone. While a whole "
        "provider is paused, one report, `_backdrop/errors/_providers/<provider>.json`, covers all photos that wait. "
        "A wait of seconds has no report: `backdrop status` and `backdrop show` name `provider_throttled` and "
        "`budget_reserved`. `too_little_time`, `job_in_flight`, `being_processed`, and codes that begin with `ledger_` "
        "or `storage_` are in the functions' logs and in the metric `ReturnedToQueue`.",
    ),
    Disposition.DEAD: (
        "The operator or the provider must correct it",
        "The job ends `dead`, with a message in the dead-letter queue. `backdrop redrive` retries it. Some codes are "
        "not about a job: `too_many_failures` ends a campaign, and its report has the code. `picture_unknown`, "
        "`picture_decided`, `picture_superseded`, and `review_ended` refuse a decision, and the job does not change. "
        "`damaged_message` is about a queue message.",
    ),
    Disposition.REJECTED: (
        "A person did not approve the picture",
        "The job ends `rejected`. The photo has a report. There is no alarm and no dead letter.",
    ),
    Disposition.HELD: (
        "A person must decide about money",
        "The job ends `held`. Nothing is bought for it until a person decides.",
    ),
}
# The runbook for a situation in which many photos have this code.
RUNBOOKS = {
    Code.CHARGE_UNKNOWN: "bill-corrected",
    Code.PROVIDER_KEY_MISSING: "key-rotated",
    Code.PROVIDER_KEY_REFUSED: "key-rotated",
    Code.PROVIDER_OUT_OF_MONEY: "balance-empty",
    Code.PROVIDER_UNAVAILABLE: "provider-down",
    Code.BUDGET_REACHED: "too-many-images",
    Code.PROVIDER_NOT_CONFIGURED: "leaving-a-provider",
    Code.CRASHED: "bad-deploy",
    Code.MESSAGE_GIVEN_UP: "bad-deploy",
}

# What redrive does with the provider's file, without `--pay-again` and with it.
REDRIVES = {
    PaidFile.NOT_RECEIVED: (
        "nothing, unless you have saved the file as the report says: then delivers it, free",
        "buys the picture again, unless you have saved the file",
    ),
    PaidFile.NOT_DOWNLOADED: (
        "downloads it, free, while its link is valid",
        "the same; buys the picture again when the link has expired",
    ),
    PaidFile.GONE: (
        "downloads it, free, while its link is valid, and delivers a file that is under `_backdrop/paid/` again",
        "buys the picture again",
    ),
    PaidFile.UNUSABLE: ("downloads it again, free, while its link is valid", "buys the picture again"),
    PaidFile.UNUSABLE_BUT_KEPT: ("reads the kept file again, free", "buys the picture again"),
    PaidFile.KEPT: ("delivers the kept file, free", "the same"),
}

# What each warning means. A warning's text has the details.
WARNINGS = {
    WarningCode.CERTIFICATE_FAILED: "A file breaks [a marketplace's rules](marketplaces.md); the text says which.",
    WarningCode.CREDENTIALS_LEFT_OUT: "The [Content Credentials](provenance.md) of a file do not contain everything.",
    WarningCode.ENLARGED: "A file shows the photo, or the provider's picture, larger than it is.",
    WarningCode.FEWER_RESULTS: "The provider returned fewer pictures than requested.",
    WarningCode.FEWER_RETRIES: "`max_cost_usd` leaves no room for all [retries](fidelity.md#try-again).",
    WarningCode.FIRST_PICTURE: "The photo's file contains several pictures; the first one is used.",
    WarningCode.FRAME_PADDED: "The provider returned another shape than the frame's, so the picture is padded.",
    WarningCode.MASK_UNAVAILABLE: "Without [a usable mask](fidelity.md), a picture was not compared, or lacks the"
    " photo's own pixels.",
    WarningCode.MOVED: "The picture is from another provider in the list than the one that was tried first.",
    WarningCode.NOT_CURRENT: "The photo or its instructions have changed since. The picture stays, but is not current.",
    WarningCode.OLD_PICTURE: "An earlier picture was not replaced, and stays until you delete it.",
    WarningCode.OVER_MAX_BYTES: "A file is larger than `max_bytes`, even at the lowest acceptable quality.",
    WarningCode.PASSED_OVER: "A provider in the list cannot do what is requested, or may not, so the next one does it.",
    WarningCode.PHOTO_GONE: "The photo was deleted, so the picture lacks its [own pixels](fidelity.md).",
    WarningCode.PICTURE_REJECTED: "A person [rejected](approval.md) one of several pictures; it is not delivered.",
    WarningCode.PRODUCT_CHANGED: "The [verdict](fidelity.md) is that the product differs from the photo's.",
    WarningCode.RETRIED: "The picture was bought again, and the best one is delivered.",
    WarningCode.SAME_OUTPUTS: "Several outputs are the same picture.",
    WarningCode.SAME_VARIANTS: "A more specific place gives all variants the same operation or prompt.",
    WarningCode.SCENE_ENLARGED: "At the photo's full size, the background is enlarged more than four times.",
    WarningCode.SMALL_IN_FRAME: "The photo fills little of the frame, so its subject is small.",
    WarningCode.SMALLER_RESULT: "The picture has fewer pixels than the photo.",
    WarningCode.SUBJECT_AT_BORDER: "The subject touches the photo's border, so the frame may not show all of it.",
    WarningCode.STRAY_PARTS: "The provider left specks or a faint haze away from the product, which were removed. To"
    ' get its picture as it is, set `"size": "provider"` in an `output` without other fields.',
    WarningCode.SUBJECT_MOVED: "The provider moved the product, so the picture lacks the photo's own pixels.",
    WarningCode.TAG_NOT_READ: "The name of an object tag is almost one of Backdrop's.",
    WarningCode.TINY_PHOTO: "The photo is too small for a useful picture in a frame or for a marketplace.",
    WarningCode.TRANSLUCENT_SUBJECT: "Much of the subject is translucent, so the picture lacks the photo's own pixels.",
    WarningCode.TRANSPARENT_RESULT: "The provider's picture is partly transparent, so it lacks the photo's own pixels.",
    WarningCode.LEFT_OUT: "How many more warnings there are; the ledger's items are limited in size.",
}


def format_codes(disposition: Disposition) -> str:
    """Returns the table of the codes with this disposition."""
    rows = [
        (
            f'<a id="{code}"></a>`{code}`',
            str(entry.meaning),
            entry.cost.value,
            _format_hint(entry) + _format_runbook_link(code),
        )
        for code, entry in ERROR_CATALOG.items()
        if entry.disposition is disposition
    ]
    return format_table(("code", "what happened", "what it cost", "what to do"), rows)


def format_warnings() -> str:
    """Returns the table of the warnings that have no code of an error."""
    rows = [(f'<a id="{code}"></a>`{code}`', WARNINGS[code]) for code in WarningCode]
    return format_table(("code", "meaning"), rows)


def paid_files() -> str:
    """Returns the table of what redrive does about each problem that ends a job whose picture was bought."""
    rows = [
        (
            file.value,
            ", ".join(
                f"`{code}`"
                for code, facts in ERROR_CATALOG.items()
                if facts.paid_file is file and facts.disposition is Disposition.DEAD
            ),
            *REDRIVES[file],
        )
        for file in PaidFile
    ]
    return format_table(("the provider's file", "codes", "`backdrop redrive`", "with `--pay-again`"), rows)


def _format_hint(entry: CatalogEntry) -> str:
    """Returns the hint, without what the section already says about all codes that wait."""
    if entry.advice.follow_up is not FollowUp.WAITS:
        return str(entry.hint)
    return f"{entry.advice.remedy}." if entry.advice.remedy is not None else "nothing"


def _format_runbook_link(code: Code) -> str:
    return f" ([runbook](runbooks/{RUNBOOKS[code]}.md))" if code in RUNBOOKS else ""


def build_page() -> str:
    parts = [f"## {title}\n\n{text}\n\n{format_codes(disposition)}" for disposition, (title, text) in SECTIONS.items()]
    return f"""# Error codes

Each code: what happened, what it cost, and what to do. `make docs` writes this page from the code; do not edit it.

Every problem has one of these codes. The same code is in the photo's error report (`_backdrop/errors/<key>.json`,
except for what waits for its provider, or for seconds), on the before/after page, and in events, metrics, and dead
letters.

- To list everything that is wrong now, with its cost and what to do: `backdrop failures`
- To see everything about one photo: `backdrop show shoes/red.jpg`
- To find out why one photo waits: [why does this photo wait?](operating.md#why-does-this-photo-wait)
- To find out why a stack does nothing: `backdrop doctor`
- To see what Ideogram's usage records prove about an unknown charge, instead of comparing with the bill yourself:
  [bill.md](bill.md)
- To handle a large failure: [runbooks](runbooks/README.md). To respond to an alarm: [alarms.md](alarms.md)

If this page and a report differ about money, the report is right: it counts every call that was made for the photo,
including those that failed before.

{"\n\n".join(parts)}

## What remains of a picture that was bought

{paid_files()}

## Warnings

A warning does not end a job. The receipt and the event list the warnings, and `backdrop show` prints them. A warning
can also have the code of an error above: for example, one of several outputs could not be made. Warnings that are known
before the purchase are in the receipt from the beginning; `quote`, `lint`, and `drop` show them, too.

{format_warnings()}
"""


if __name__ == "__main__":
    PAGE.write_text(build_page())
