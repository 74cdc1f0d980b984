"""What each code means, where it leaves its job, and what a person can do about it."""

from dataclasses import dataclass

from backdrop.core.codes import Code, End


@dataclass(frozen=True)
class CodeFacts:
    """What a person needs to know of a code: where it leaves the job, what it means, what to do."""

    end: End
    meaning: str
    hint: str


_REPLACE = "Replace the file; the photo runs again by itself."
MEND = "Mend the instructions; the photo runs again by itself."
_PAY_AGAIN = "`backdrop redrive --pay-again` buys it once more, and so does another revision."
WAITS = "Nothing to do for the uploader: the photo waits and goes by itself when this is mended."

CODES: dict[Code, CodeFacts] = {
    Code.NOT_A_PHOTO: CodeFacts(End.REFUSED, "The bytes are no picture, whatever the name says.", _REPLACE),
    Code.UNSUPPORTED_FORMAT: CodeFacts(
        End.REFUSED,
        "A picture of a kind that Backdrop does not open; JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP and GIF are taken.",
        "Save it as JPEG, PNG or WebP and upload that.",
    ),
    Code.EMPTY_FILE: CodeFacts(End.REFUSED, "The file has no bytes.", "Upload it again; the first upload broke off."),
    Code.TRUNCATED_PHOTO: CodeFacts(
        End.REFUSED,
        "The picture's file ends before its picture does.",
        "Upload it again from the original; the copy is cut off.",
    ),
    Code.DAMAGED_PHOTO: CodeFacts(
        End.REFUSED, "The picture's file is damaged inside.", "Open the original, save it anew and upload that."
    ),
    Code.EXTREME_RATIO: CodeFacts(
        End.REFUSED,
        "One side of the picture is over 20 times the other.",
        "Crop it closer to a square and upload that.",
    ),
    Code.TOO_LARGE_BYTES: CodeFacts(
        End.REFUSED,
        "The file has more than the 128 MB that Backdrop opens, unpacks to far more than it is, or fits at no size "
        "into what the provider takes. Other large photos are encoded anew and scaled down.",
        "Save it at a lower quality or size and upload that.",
    ),
    Code.TOO_MANY_PIXELS: CodeFacts(
        End.REFUSED,
        "The picture has more pixels than this stack opens.",
        "Scale it down, or raise the stack parameter MaxImageMegapixels and upload it again.",
    ),
    Code.TOO_SMALL: CodeFacts(End.REFUSED, "The picture is too small to work with.", "Upload a larger version."),
    Code.KEY_TOO_LONG: CodeFacts(
        End.REFUSED, "The object's key is longer than 900 bytes.", "Shorten the folder or file name and upload again."
    ),
    Code.FILE_ARCHIVED: CodeFacts(
        End.REFUSED,
        "The photo, its sidecar or its folder's defaults lie in a storage class from which S3 reads nothing at once.",
        "Upload it again in a class that can be read at once; or restore it, and then say `backdrop rerun`.",
    ),
    Code.FILE_UNREADABLE: CodeFacts(
        End.WAITING,
        "S3 refuses to hand out the photo, or a file that speaks for it.",
        "Operator: look at the bucket's policy and at the KMS key of the file. " + WAITS,
    ),
    Code.NO_INSTRUCTIONS: CodeFacts(
        End.REFUSED,
        "Neither a sidecar nor tags nor the folder's defaults say what is wanted.",
        'Add a sidecar such as {"prompt": "on a marble table"} beside the photo, the tag operation=remove, or a '
        "_backdrop.json for the whole folder; the photo runs when it comes.",
    ),
    Code.SIDECAR_NOT_JSON: CodeFacts(
        End.REFUSED,
        "The sidecar is not a JSON object in UTF-8.",
        "Look for a comma too many, a missing quote or typographic quotes. " + MEND,
    ),
    Code.SIDECAR_TOO_LARGE: CodeFacts(End.REFUSED, "The sidecar is larger than 64 KB.", MEND),
    Code.UNKNOWN_FIELD: CodeFacts(
        End.REFUSED, "A field that Backdrop does not know.", "docs/reference.md lists the fields. " + MEND
    ),
    Code.INVALID_VALUE: CodeFacts(
        End.REFUSED, "A field has a value that it cannot have.", "docs/reference.md says what each field takes. " + MEND
    ),
    Code.MISSING_PROMPT: CodeFacts(
        End.REFUSED,
        "A new background is asked for without saying which.",
        'Add a "prompt", or ask for "operation": "remove".',
    ),
    Code.CONFLICTING_FIELDS: CodeFacts(End.REFUSED, "Two fields exclude one another.", "Keep one of them."),
    Code.FOLDER_DEFAULTS_BROKEN: CodeFacts(
        End.REFUSED,
        "A request names a photo whose folder has defaults that cannot be read.",
        "Mend the file that is named (its own report says what is wrong), then send the request again.",
    ),
    Code.REFERENCE_NOT_FOUND: CodeFacts(
        End.REFUSED,
        "A style's reference image does not lie in the input bucket.",
        "Upload it under that key and say `backdrop rerun`, or name another key; then the photo runs by itself.",
    ),
    Code.REFERENCE_UNUSABLE: CodeFacts(
        End.REFUSED,
        "A style's reference image cannot be used.",
        "Name another picture, of a kind that photos may have, and not the photo itself; all of them together are "
        "fitted into 10 MB.",
    ),
    Code.PHOTO_NOT_FOUND: CodeFacts(
        End.REFUSED,
        "A request names a photo that does not lie there.",
        "Look at bucket and key (upper and lower case count), upload the photo, and send the request again.",
    ),
    Code.NOT_EXPRESSIBLE: CodeFacts(
        End.REFUSED, "The provider has no such option.", "Leave the field out, or choose a provider that has it."
    ),
    Code.PROVIDER_NOT_CONFIGURED: CodeFacts(
        End.REFUSED,
        "The provider is switched off in this stack.",
        "Name another provider, or switch this one on with its MaxInFlight parameter and upload the photo again.",
    ),
    Code.MAX_COST_EXCEEDED: CodeFacts(
        End.REFUSED,
        "The job costs more than its max_cost_usd allows.",
        "Raise max_cost_usd, or ask for fewer or faster images.",
    ),
    Code.PRICE_UNKNOWN: CodeFacts(
        End.REFUSED,
        "The provider bills in credits of its own, and what they cost is not known in this stack.",
        "Operator: set the stack parameter OneMinUsdPerImage, then upload the photo again; or name another provider.",
    ),
    Code.UNSAFE_REQUEST: CodeFacts(
        End.REFUSED, "The provider's safety check refused the prompt or the photo.", "Change the prompt or the photo."
    ),
    Code.CAMPAIGN_REFUSED: CodeFacts(
        End.REFUSED,
        "A campaign that cannot be begun: its input or its manifest is not in order. Nothing was bought.",
        "Mend what the message names and start it again; `backdrop campaign quote` tells beforehand.",
    ),
    Code.MAX_TOTAL_EXCEEDED: CodeFacts(
        End.REFUSED,
        "The whole campaign may cost more than its max_total_usd allows. Nothing was bought.",
        "Raise max_total_usd, or ask for fewer or cheaper pictures.",
    ),
    Code.TOO_MANY_FAILURES: CodeFacts(
        End.DEAD,
        "More of a campaign's items failed than its tolerated_failure_percent allows.",
        "Read the campaign's report: what failed is listed by code, and what was bought is delivered.",
    ),
    Code.PROVIDER_KEY_MISSING: CodeFacts(
        End.WAITING,
        "The provider's API key is not set in Secrets Manager.",
        "Operator: put the key into the named secret. " + WAITS,
    ),
    Code.PROVIDER_KEY_REFUSED: CodeFacts(
        End.WAITING, "The provider refuses the API key.", "Operator: check the key and the account's balance. " + WAITS
    ),
    Code.PROVIDER_OUT_OF_MONEY: CodeFacts(
        End.WAITING, "The provider's account has no money left.", "Operator: top the account up. " + WAITS
    ),
    Code.PROVIDER_REFUSES: CodeFacts(
        End.WAITING,
        "The provider refuses a call and does not say whether the account or this one photo is the reason.",
        "Backdrop sends another photo: if that one succeeds, the refused one ends as request_rejected. Operator: if "
        "all are refused, check the account's balance and spending limits. " + WAITS,
    ),
    Code.PROVIDER_DAILY_LIMIT: CodeFacts(End.WAITING, "The provider's daily limit is reached.", WAITS),
    Code.PROVIDER_MISCONFIGURED: CodeFacts(
        End.WAITING,
        "The provider does not know the address that we call.",
        "Operator: check the provider's BaseUrl parameter. " + WAITS,
    ),
    Code.PROVIDER_THROTTLED: CodeFacts(End.WAITING, "The provider's rate limit is reached.", WAITS),
    Code.PROVIDER_UNAVAILABLE: CodeFacts(End.WAITING, "The provider cannot be reached or is out of order.", WAITS),
    Code.BUDGET_REACHED: CodeFacts(
        End.WAITING,
        "Today's budget does not cover the job.",
        "Operator: raise it for today with `backdrop budget 300 --today` (300: dollars), for good with the stack "
        "parameter DailyBudgetUSD, or wait for the next day (UTC). " + WAITS,
    ),
    Code.DELIVERY_BACKED_UP: CodeFacts(
        End.WAITING,
        "So many paid pictures wait for their delivery that nothing more is bought.",
        "Operator: look at the log of the deliver function. " + WAITS,
    ),
    Code.PAUSED_BY_PERSON: CodeFacts(
        End.WAITING,
        "A person paused the provider.",
        "Operator: `backdrop resume` with the provider's name lets it go on. " + WAITS,
    ),
    Code.LANE_SHUT: CodeFacts(End.WAITING, "The provider is paused, or one job at a time tries it out.", WAITS),
    Code.RESULT_UNREACHABLE: CodeFacts(
        End.WAITING,
        "The paid picture cannot be downloaded just now.",
        "Nothing to do: the download is tried until the link expires.",
    ),
    Code.REQUEST_REJECTED: CodeFacts(
        End.DEAD, "The provider calls the request invalid.", "Operator: read the provider's words in the message."
    ),
    Code.PROVIDER_FAILED: CodeFacts(
        End.DEAD,
        "The provider took the request and ended it with an error that does not say whether it charged.",
        "Compare with the provider's bill. " + _PAY_AGAIN,
    ),
    Code.UNSAFE_RESULT: CodeFacts(
        End.DEAD,
        "The provider made the picture and its safety check then withheld it.",
        "Change the prompt, or set another revision to buy a new try.",
    ),
    Code.RESULT_UNRECOGNIZED: CodeFacts(
        End.DEAD,
        "The provider charged for the picture, and its response has a form in which Backdrop does not recognize it.",
        "Operator: open the kept response that the message names. If it holds the picture, or a link to it, save the "
        "picture under the key that the message names; `backdrop redrive --code result_unrecognized` then delivers it "
        "free. Report the response, so that Backdrop learns its form. " + _PAY_AGAIN,
    ),
    Code.LINK_EXPIRED: CodeFacts(End.DEAD, "The paid picture's link expired before it was fetched.", _PAY_AGAIN),
    Code.RESULT_GONE: CodeFacts(End.DEAD, "The provider no longer has the paid picture.", _PAY_AGAIN),
    Code.PAID_FILE_GONE: CodeFacts(
        End.DEAD,
        "The provider's file is no more under _backdrop/paid/, and its link is over.",
        "The pictures that are there stay. `backdrop redrive --pay-again` buys it once more.",
    ),
    Code.RESULT_FOREIGN_HOST: CodeFacts(
        End.DEAD,
        "The provider's link leads to a host that is not on the list.",
        "Operator: if the host is the provider's own, add it to the stack parameter ResultHosts.",
    ),
    Code.RESULT_REDIRECTED: CodeFacts(
        End.DEAD,
        "The provider's link redirects, and redirects are not followed.",
        "Operator: report it to the provider.",
    ),
    Code.RESULT_NOT_AN_IMAGE: CodeFacts(End.DEAD, "The provider's link gave something that is no picture.", _PAY_AGAIN),
    Code.RESULT_TRUNCATED: CodeFacts(End.DEAD, "The provider's picture is cut off.", _PAY_AGAIN),
    Code.RESULT_TOO_LARGE: CodeFacts(
        End.DEAD, "The provider's file is larger than any picture should be.", "Operator: look at the link's host."
    ),
    Code.RESULT_NOT_TRANSPARENT: CodeFacts(
        End.DEAD,
        "The background was to be removed, and nothing or everything is transparent.",
        "Look at the file under _backdrop/paid/; use a photo whose subject stands out, or another revision.",
    ),
    Code.OUTPUT_NOT_MADE: CodeFacts(
        End.DEAD,
        "The paid picture is good, and its encoder gives it up in the form that is asked for.",
        "Ask for another format or a smaller size in `output`: it is delivered again for nothing, from the file under "
        "_backdrop/paid/.",
    ),
    Code.CHARGE_UNKNOWN: CodeFacts(
        End.HELD,
        "The provider's answer was lost, and nobody could tell whether it was paid.",
        "Compare with the provider's bill. " + _PAY_AGAIN,
    ),
    Code.OWNER_AT_WORK: CodeFacts(
        End.WAITING, "The same photo with the same wish is being bought under another key; its picture is used.", WAITS
    ),
    Code.JOB_IN_FLIGHT: CodeFacts(
        End.WAITING, "Another worker is in the call for this job, or died in it a moment ago.", WAITS
    ),
    Code.TOO_LITTLE_TIME: CodeFacts(
        End.WAITING,
        "The invocation has less time left than the call, or one more photo, may take.",
        "Operator: if this stays for a call, raise RenderTimeoutSeconds or lower the provider's TimeoutSeconds. "
        + WAITS,
    ),
    Code.BUDGET_RESERVED: CodeFacts(
        End.WAITING, "What is left of today's budget is reserved by calls in flight.", WAITS
    ),
    Code.LEDGER_CONFLICT: CodeFacts(End.WAITING, "Others changed the same items first, again and again.", WAITS),
    Code.LEDGER_UNAVAILABLE: CodeFacts(
        End.WAITING, "The ledger's table does not answer, so nothing is bought.", "Operator: look at DynamoDB. " + WAITS
    ),
    Code.STORAGE_UNAVAILABLE: CodeFacts(
        End.WAITING, "A bucket or queue does not answer.", "Operator: look at S3 and SQS. " + WAITS
    ),
    Code.CRASHED: CodeFacts(
        End.DEAD,
        "The worker crashed on it five times.",
        "Operator: look for it in the functions' logs, then `backdrop redrive`; or upload the photo saved anew.",
    ),
    Code.MESSAGE_GIVEN_UP: CodeFacts(
        End.DEAD,
        "A queue gave its message up after a thousand deliveries.",
        "Operator: look at the function's log; `backdrop redrive` brings what the ledger knows of back.",
    ),
    Code.DAMAGED_MESSAGE: CodeFacts(
        End.DEAD,
        "A queue message that cannot be read.",
        "Operator: find who sends such messages; the body is in the dead letter.",
    ),
}
