"""What each code means, where it leaves its job, and what a person can do about it."""

from dataclasses import dataclass, replace

from backdrop.model.advice import Advice, FollowUp
from backdrop.model.codes import Code, Disposition
from backdrop.model.sentence import Sentence


@dataclass(frozen=True)
class CatalogEntry:
    """What a person needs to know of a code: where it leaves the job, what it means, what to do."""

    disposition: Disposition
    meaning: Sentence
    advice: Advice

    @property
    def hint(self) -> Sentence:
        """What to do, to who can fix the photo or what speaks for it."""
        return self.advice.text_for_photo


def _entry(disposition: Disposition, meaning: str, remedy: str, follow_up: FollowUp = FollowUp.NOTHING) -> CatalogEntry:
    return CatalogEntry(disposition, Sentence(meaning), Advice.from_text(remedy, follow_up))


def _waiting_entry(meaning: str, remedy: str = "") -> CatalogEntry:
    """Of a code that ends no job."""
    advice = Advice.from_text(remedy, FollowUp.WAITS) if remedy else Advice(follow_up=FollowUp.WAITS)
    return CatalogEntry(Disposition.WAITING, Sentence(meaning), advice)


_REPLACE_FILE = "Replace the file"
_FIX_INSTRUCTIONS = "Mend the instructions"
FIX_INSTRUCTIONS = Advice.from_text(_FIX_INSTRUCTIONS, FollowUp.RUNS)
_PAY_AGAIN = "`backdrop redrive --pay-again` buys it once more, and so does another revision."

ERROR_CATALOG: dict[Code, CatalogEntry] = {
    Code.NOT_A_PHOTO: _entry(
        Disposition.REFUSED, "The bytes are no picture, whatever the name says.", _REPLACE_FILE, FollowUp.RUNS
    ),
    Code.UNSUPPORTED_FORMAT: _entry(
        Disposition.REFUSED,
        "A picture of a kind that Backdrop does not open; JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP and GIF are taken.",
        "Save it as JPEG, PNG or WebP and upload that.",
    ),
    Code.EMPTY_FILE: _entry(
        Disposition.REFUSED, "The file has no bytes.", "Upload it again; the first upload broke off."
    ),
    Code.TRUNCATED_PHOTO: _entry(
        Disposition.REFUSED,
        "The picture's file ends before its picture does.",
        "Upload it again from the original; the copy is cut off.",
    ),
    Code.DAMAGED_PHOTO: _entry(
        Disposition.REFUSED, "The picture's file is damaged inside.", "Open the original, save it anew and upload that."
    ),
    Code.EXTREME_RATIO: _entry(
        Disposition.REFUSED,
        "One side of the picture is over 20 times the other.",
        "Crop it closer to a square and upload that.",
    ),
    Code.TOO_LARGE_BYTES: _entry(
        Disposition.REFUSED,
        "The file has more than the 128 MB that Backdrop opens, unpacks to far more than it is, or fits at no size "
        "into what the provider takes. Other large photos are encoded anew and scaled down.",
        "Save it at a lower quality or size and upload that.",
    ),
    Code.TOO_MANY_PIXELS: _entry(
        Disposition.REFUSED,
        "The picture has more pixels than this stack opens.",
        "Scale it down, or raise the stack parameter MaxImageMegapixels and upload it again.",
    ),
    Code.TOO_SMALL: _entry(Disposition.REFUSED, "The picture is too small to work with.", "Upload a larger version."),
    Code.KEY_TOO_LONG: _entry(
        Disposition.REFUSED,
        "The object's key is longer than 900 bytes.",
        "Shorten the folder or file name and upload again.",
    ),
    Code.FILE_ARCHIVED: _entry(
        Disposition.REFUSED,
        "The photo, its sidecar or its folder's defaults lie in a storage class from which S3 reads nothing at once.",
        "Upload it again in a class that can be read at once; or restore it, and then say `backdrop rerun`.",
    ),
    Code.FILE_UNREADABLE: _waiting_entry(
        "S3 refuses to hand out the photo, or a file that speaks for it.",
        "Operator: look at the bucket's policy and at the KMS key of the file.",
    ),
    Code.NO_INSTRUCTIONS: CatalogEntry(
        Disposition.REFUSED,
        Sentence("Neither a sidecar nor tags nor the folder's defaults say what is wanted."),
        replace(
            Advice.from_text(
                'Add a sidecar such as {"prompt": "on a marble table"} next to the photo, the tag operation=remove, or '
                "a _backdrop.json for the whole folder; the photo runs when it comes."
            ),
            custom_request_text=Sentence(
                'Say in its instructions what is wanted, such as {"operation": "remove"}, and send the request again.'
            ),
        ),
    ),
    Code.SIDECAR_NOT_JSON: _entry(
        Disposition.REFUSED,
        "The sidecar is not a JSON object in UTF-8.",
        f"Look for a comma too many, a missing quote or typographic quotes. {_FIX_INSTRUCTIONS}",
        FollowUp.RUNS,
    ),
    Code.SIDECAR_TOO_LARGE: _entry(
        Disposition.REFUSED, "The sidecar is larger than 64 KB.", _FIX_INSTRUCTIONS, FollowUp.RUNS
    ),
    Code.UNKNOWN_FIELD: _entry(
        Disposition.REFUSED,
        "A field that Backdrop does not know.",
        f"docs/reference.md lists the fields. {_FIX_INSTRUCTIONS}",
        FollowUp.RUNS,
    ),
    Code.INVALID_VALUE: _entry(
        Disposition.REFUSED,
        "A field has a value that it cannot have.",
        f"docs/reference.md says what each field takes. {_FIX_INSTRUCTIONS}",
        FollowUp.RUNS,
    ),
    Code.MISSING_PROMPT: _entry(
        Disposition.REFUSED,
        "A new background is asked for without saying which.",
        'Add a "prompt", or ask for "operation": "remove".',
    ),
    Code.CONFLICTING_FIELDS: _entry(Disposition.REFUSED, "Two fields exclude one another.", "Keep one of them."),
    Code.FOLDER_DEFAULTS_BROKEN: _entry(
        Disposition.REFUSED,
        "A request names a photo whose folder has defaults that cannot be read.",
        "Mend the file that is named (its own report says what is wrong)",
        FollowUp.SEND_AGAIN,
    ),
    Code.REFERENCE_NOT_FOUND: _entry(
        Disposition.REFUSED,
        "A style's reference image does not lie in the input bucket.",
        "Upload it under that key and say `backdrop rerun`, or name another key",
        FollowUp.RUNS,
    ),
    Code.REFERENCE_UNUSABLE: _entry(
        Disposition.REFUSED,
        "A style's reference image cannot be used.",
        "Name another picture, of a kind that photos may have, and not the photo itself; all of them together are "
        "fitted into 10 MB.",
    ),
    Code.PHOTO_NOT_FOUND: _entry(
        Disposition.REFUSED,
        "A request names a photo that does not lie there.",
        "Look at bucket and key (upper and lower case count), upload the photo",
        FollowUp.SEND_AGAIN,
    ),
    Code.NOT_EXPRESSIBLE: _entry(
        Disposition.REFUSED,
        "The provider has no such option.",
        "Leave the field out, or choose a provider that has it.",
    ),
    Code.PROVIDER_NOT_CONFIGURED: _entry(
        Disposition.REFUSED,
        "The provider is switched off in this stack.",
        "Name another provider, or switch this one on with its MaxInFlight parameter and upload the photo again.",
    ),
    Code.MAX_COST_EXCEEDED: _entry(
        Disposition.REFUSED,
        "The job costs more than its max_cost_usd allows.",
        "Raise max_cost_usd, or ask for fewer or faster images.",
    ),
    Code.PRICE_UNKNOWN: _entry(
        Disposition.REFUSED,
        "The provider bills in credits of its own, and what they cost is not known in this stack.",
        "Operator: set the stack parameter OneMinUsdPerImage, then upload the photo again; or name another provider.",
    ),
    Code.UNSAFE_REQUEST: _entry(
        Disposition.REFUSED,
        "The provider's safety check refused the prompt or the photo.",
        "Change the prompt or the photo.",
    ),
    Code.CAMPAIGN_REFUSED: _entry(
        Disposition.REFUSED,
        "A campaign that cannot be begun: its input or its manifest is not in order. Nothing was bought.",
        "Mend what the message names and start it again; `backdrop campaign quote` tells beforehand.",
    ),
    Code.MAX_TOTAL_EXCEEDED: _entry(
        Disposition.REFUSED,
        "The whole campaign may cost more than its max_total_usd allows. Nothing was bought.",
        "Raise max_total_usd, or ask for fewer or cheaper pictures.",
    ),
    Code.TOO_MANY_FAILURES: _entry(
        Disposition.DEAD,
        "More of a campaign's items failed than its tolerated_failure_percent allows.",
        "Read the campaign's report: what failed is listed by code, and what was bought is delivered.",
    ),
    Code.PROVIDER_KEY_MISSING: _waiting_entry(
        "The provider's API key is not set in Secrets Manager.", "Operator: put the key into the named secret."
    ),
    Code.PROVIDER_KEY_REFUSED: _waiting_entry(
        "The provider refuses the API key.", "Operator: check the key and the account's balance."
    ),
    Code.PROVIDER_OUT_OF_MONEY: _waiting_entry(
        "The provider's account has no money left.", "Operator: top the account up."
    ),
    Code.PROVIDER_REFUSES: _waiting_entry(
        "The provider refuses a call and does not say whether the account or this one photo is the reason.",
        "Backdrop sends another photo: if that one succeeds, the refused one ends as request_rejected. Operator: if "
        "all are refused, check the account's balance and spending limits.",
    ),
    Code.PROVIDER_DAILY_LIMIT: _waiting_entry("The provider's daily limit is reached."),
    Code.PROVIDER_MISCONFIGURED: _waiting_entry(
        "The provider does not know the address that we call.", "Operator: check the provider's BaseUrl parameter."
    ),
    Code.PROVIDER_THROTTLED: _waiting_entry("The provider's rate limit is reached."),
    Code.PROVIDER_UNAVAILABLE: _waiting_entry("The provider cannot be reached or is out of order."),
    Code.BUDGET_REACHED: _waiting_entry(
        "Today's budget does not cover the job.",
        "Operator: raise it for today with `backdrop budget 300 --today` (300: dollars), for good with the stack "
        "parameter DailyBudgetUSD, or wait for the next day (UTC).",
    ),
    Code.DELIVERY_BACKED_UP: _waiting_entry(
        "So many paid pictures wait for their delivery that nothing more is bought.",
        "Operator: look at the log of the deliver function.",
    ),
    Code.PAUSED_BY_PERSON: _waiting_entry(
        "A person paused the provider.", "Operator: `backdrop resume` with the provider's name lets it go on."
    ),
    Code.LANE_SHUT: _waiting_entry("The provider is paused, or one job at a time tries it out."),
    Code.RESULT_UNREACHABLE: _entry(
        Disposition.WAITING,
        "The paid picture cannot be downloaded just now.",
        "Nothing to do: the download is tried until the link expires.",
    ),
    Code.REQUEST_REJECTED: _entry(
        Disposition.DEAD,
        "The provider calls the request invalid.",
        "Operator: read the provider's words in the message.",
    ),
    Code.PROVIDER_FAILED: _entry(
        Disposition.DEAD,
        "The provider took the request and ended it with an error that does not say whether it charged.",
        f"Compare with the provider's bill. {_PAY_AGAIN}",
    ),
    Code.UNSAFE_RESULT: _entry(
        Disposition.DEAD,
        "The provider made the picture and its safety check then withheld it.",
        "Change the prompt, or set another revision to buy a new try.",
    ),
    Code.RESULT_UNRECOGNIZED: _entry(
        Disposition.DEAD,
        "The provider charged for the picture, and its response has a form in which Backdrop does not recognize it.",
        "Operator: open the kept response that the message names. If it holds the picture, or a link to it, save the "
        "picture under the key that the message names; `backdrop redrive --code result_unrecognized` then delivers "
        f"it free. Report the response, so that Backdrop learns its form. {_PAY_AGAIN}",
    ),
    Code.LINK_EXPIRED: _entry(Disposition.DEAD, "The paid picture's link expired before it was fetched.", _PAY_AGAIN),
    Code.RESULT_GONE: _entry(Disposition.DEAD, "The provider no longer has the paid picture.", _PAY_AGAIN),
    Code.PAID_FILE_GONE: _entry(
        Disposition.DEAD,
        "The provider's file is no more under _backdrop/paid/, and its link is over.",
        "The pictures that are there stay. `backdrop redrive --pay-again` buys it once more.",
    ),
    Code.RESULT_FOREIGN_HOST: _entry(
        Disposition.DEAD,
        "The provider's link leads to a host that is not on the list.",
        "Operator: if the host is the provider's own, add it to the stack parameter ResultHosts.",
    ),
    Code.RESULT_REDIRECTED: _entry(
        Disposition.DEAD,
        "The provider's link redirects, and redirects are not followed.",
        "Operator: report it to the provider.",
    ),
    Code.RESULT_NOT_AN_IMAGE: _entry(
        Disposition.DEAD, "The provider's link gave something that is no picture.", _PAY_AGAIN
    ),
    Code.RESULT_TRUNCATED: _entry(Disposition.DEAD, "The provider's picture is cut off.", _PAY_AGAIN),
    Code.RESULT_TOO_LARGE: _entry(
        Disposition.DEAD,
        "The provider's file is larger than any picture should be.",
        "Operator: look at the link's host.",
    ),
    Code.RESULT_NOT_TRANSPARENT: _entry(
        Disposition.DEAD,
        "The background was to be removed, and nothing or everything is transparent.",
        "Look at the file under _backdrop/paid/; use a photo whose subject stands out, or another revision.",
    ),
    Code.OUTPUT_NOT_MADE: _entry(
        Disposition.DEAD,
        "The paid picture is good, and its encoder gives it up in the form that is asked for.",
        "Ask for another format or a smaller size in `output`: it is delivered again for nothing, from the file "
        "under _backdrop/paid/.",
    ),
    Code.CHARGE_UNKNOWN: _entry(
        Disposition.HELD,
        "The provider's answer was lost, and nobody could tell whether it was paid.",
        f"Compare with the provider's bill. {_PAY_AGAIN}",
    ),
    Code.OWNER_AT_WORK: _waiting_entry(
        "The same photo with the same wish is being bought under another key; its picture is used."
    ),
    Code.JOB_IN_FLIGHT: _waiting_entry("Another worker is in the call for this job, or died in it a moment ago."),
    Code.TOO_LITTLE_TIME: _waiting_entry(
        "The invocation has less time left than the call, or one more photo, may take.",
        "Operator: if this stays for a call, raise RenderTimeoutSeconds or lower the provider's TimeoutSeconds.",
    ),
    Code.BUDGET_RESERVED: _waiting_entry("What is left of today's budget is reserved by calls in flight."),
    Code.LEDGER_CONFLICT: _waiting_entry("Others changed the same items first, again and again."),
    Code.LEDGER_UNAVAILABLE: _waiting_entry(
        "The ledger's table does not answer, so nothing is bought.", "Operator: look at DynamoDB."
    ),
    Code.STORAGE_UNAVAILABLE: _waiting_entry("A bucket or queue does not answer.", "Operator: look at S3 and SQS."),
    Code.CRASHED: _entry(
        Disposition.DEAD,
        "The worker crashed on it five times.",
        "Operator: look for it in the functions' logs, then `backdrop redrive`; or upload the photo saved anew.",
    ),
    Code.MESSAGE_GIVEN_UP: _entry(
        Disposition.DEAD,
        "A queue gave its message up after a thousand deliveries.",
        "Operator: look at the function's log; `backdrop redrive` brings what the ledger knows of back.",
    ),
    Code.DAMAGED_MESSAGE: _entry(
        Disposition.DEAD,
        "A queue message that cannot be read.",
        "Operator: find who sends such messages; the body is in the dead letter.",
    ),
}
