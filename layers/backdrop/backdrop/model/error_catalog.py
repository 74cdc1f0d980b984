"""For each code: what it means, in which state it leaves its job, and what to do about it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from backdrop.model.advice import Advice, FollowUp
from backdrop.model.codes import Code, Disposition
from backdrop.model.sentence import Sentence


class Cost(StrEnum):
    """What a problem cost, as the list of codes shows it. A report is more exact: it counts each call of the photo."""

    NOTHING = "nothing"
    PERHAPS_MASK = "nothing, or the photo's mask if it was bought before"
    PICTURE = "the picture, at its price"
    PICTURE_NOT_DOWNLOAD = "the picture, at its price; the download costs nothing"
    PAID_BEFORE = "nothing new; the picture was paid for when it was made"
    CALL_IN_FLIGHT = "the price of the call in flight, if the provider charges for it"
    UNKNOWN = "nothing or the full price: `unknown_usd`"
    SEE_REPORT = "as stated in the report"


class PaidFile(StrEnum):
    """What a problem means for the provider's file of a picture that was bought, as the list of codes says it.

    Deliver keeps a file that it cannot use only if it is UNUSABLE_BUT_KEPT. Redrive follows every link that has not
    expired, and buys a file that is gone or unusable again if the operator requests it.
    """

    NOT_RECEIVED = "not received"
    NOT_DOWNLOADED = "not downloaded"
    GONE = "gone"
    UNUSABLE = "unusable"
    UNUSABLE_BUT_KEPT = "unusable, but kept under `_backdrop/paid/`"
    KEPT = "good, and kept under `_backdrop/paid/`"


UNUSABLE_FILES = frozenset({PaidFile.UNUSABLE, PaidFile.UNUSABLE_BUT_KEPT})


@dataclass(frozen=True)
class CatalogEntry:
    """All fields are mandatory, so that no code can be added without them.

    `paid_file` is None if the problem does not concern a picture that was bought.
    """

    cost: Cost
    disposition: Disposition
    paid_file: PaidFile | None
    meaning: Sentence
    advice: Advice

    @property
    def hint(self) -> Sentence:
        return self.advice.text_for_photo

    @property
    def operator_hint(self) -> Sentence:
        return self.advice.text_for_operator


def _entry(
    cost: Cost,
    disposition: Disposition,
    meaning: str,
    remedy: str,
    follow_up: FollowUp = FollowUp.NOTHING,
    *,
    for_operator: bool = False,
    note: str = "",
) -> CatalogEntry:
    advice = Advice.from_text(remedy, follow_up, for_operator=for_operator)
    return CatalogEntry(cost, disposition, None, Sentence(meaning), advice.with_note(note) if note else advice)


def _bought_entry(
    paid_file: PaidFile,
    meaning: str,
    remedy: str,
    *,
    cost: Cost = Cost.PICTURE,
    disposition: Disposition = Disposition.DEAD,
    for_operator: bool = False,
) -> CatalogEntry:
    """Returns the entry of a problem with a picture that was bought."""
    advice = Advice.from_text(remedy, for_operator=for_operator)
    return CatalogEntry(cost, disposition, paid_file, Sentence(meaning), advice)


def _waiting_entry(cost: Cost, meaning: str, remedy: str = "", *, for_operator: bool = False) -> CatalogEntry:
    if not remedy:
        return CatalogEntry(cost, Disposition.WAITING, None, Sentence(meaning), Advice(follow_up=FollowUp.WAITS))
    return _entry(cost, Disposition.WAITING, meaning, remedy, FollowUp.WAITS, for_operator=for_operator)


def _decision_entry(meaning: str, remedy: str) -> CatalogEntry:
    """Returns the entry of a decision about a picture that cannot be carried out. An event becomes a dead letter."""
    return _entry(Cost.NOTHING, Disposition.DEAD, meaning, remedy)


def _named_image_entry(meaning: str, upload: str) -> CatalogEntry:
    """Returns the entry of a problem with an image that the instructions name. Its upload does not start the photo."""
    advice = Advice.from_text(
        f"Upload {upload} under that key, and run `backdrop rerun KEY` with the photo's key. If you name another key "
        "instead, the photo runs again automatically."
    )
    request_text = Sentence(f"Upload {upload} under that key, or name another key. Then send the request again.")
    advice = replace(advice, custom_request_text=request_text)
    return CatalogEntry(Cost.NOTHING, Disposition.REFUSED, None, Sentence(meaning), advice)


_REPLACE_FILE = "Replace the file"
_FIX_INSTRUCTIONS = "Correct the instructions"
FIX_INSTRUCTIONS = Advice.from_text(_FIX_INSTRUCTIONS, FollowUp.RUNS)
_PAY_AGAIN = "To buy it again, run `backdrop redrive --pay-again` or set another `revision`."
# Not how to pay again: only a redrive finds out whether that is necessary, and then it says how.
_REDRIVE = (
    "Run `backdrop redrive` with the photo's key. If the picture can still be downloaded, or its file is kept, it is "
    "delivered without a charge. Otherwise, the command says so."
)

ERROR_CATALOG: dict[Code, CatalogEntry] = {
    Code.NOT_A_PHOTO: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The file is not a picture, regardless of its name.",
        _REPLACE_FILE,
        FollowUp.RUNS,
    ),
    Code.UNSUPPORTED_FORMAT: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "Backdrop does not open this picture format. It accepts JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, and GIF.",
        "Save the photo as JPEG, PNG, or WebP, and upload that file.",
    ),
    Code.EMPTY_FILE: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The file is empty (0 bytes).",
        "Upload it again; the first upload was interrupted.",
    ),
    Code.TRUNCATED_PHOTO: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The file ends before the picture is complete.",
        "Upload it again from the original; this copy is cut off.",
    ),
    Code.DAMAGED_PHOTO: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The picture's data is corrupt, or some of its pixels are missing.",
        "Upload it again from the original. If a viewer shows all of that, save it again, and upload the new file.",
    ),
    Code.EXTREME_RATIO: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "One side of the picture is more than 20 times as long as the other.",
        "Crop it closer to a square, and upload that file.",
    ),
    Code.TOO_LARGE_BYTES: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The file is larger than the 128 MB that Backdrop opens, decompresses to far more than its size, or exceeds "
        "the provider's limit at every size. Other large photos are re-encoded and scaled down.",
        "Save it at a lower quality or a smaller size, and upload that file.",
    ),
    Code.TOO_MANY_PIXELS: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The picture has more pixels than this stack accepts.",
        "Scale it down, or raise the stack parameter MaxImageMegapixels and upload the photo again.",
    ),
    Code.TOO_SMALL: _entry(
        Cost.NOTHING, Disposition.REFUSED, "The picture is too small to process.", "Upload a larger version."
    ),
    Code.PHOTO_SHOWS_NOTHING: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The photo is transparent everywhere, or almost, so nothing in it is visible.",
        "Open the original, make its picture visible or save it without transparency, and upload that file.",
    ),
    Code.KEY_TOO_LONG: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The object's key is longer than 900 bytes.",
        "Shorten the folder or file name, and upload the photo again.",
    ),
    Code.FILE_ARCHIVED: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The photo, its sidecar, or its folder defaults are in a storage class that S3 cannot read immediately.",
        "Upload the file again in a storage class with immediate access; or restore it, and run `backdrop rerun KEY`.",
    ),
    Code.FILE_UNREADABLE: _waiting_entry(
        Cost.NOTHING,
        "S3 denies access to the photo or to a file with its instructions.",
        "Check the bucket policy and the KMS key of the file.",
        for_operator=True,
    ),
    Code.OWN_PICTURE: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "Backdrop made this picture, and a sync, a copy, or a download put it where photos are. Folder defaults do not "
        "apply to it.",
        "Remove it from the input bucket. If it should become another picture, give it a sidecar of its own, or tags.",
    ),
    Code.SIDECAR_MISNAMED: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "A file next to the photo is probably its sidecar, but has another name, so only folder defaults would apply.",
        "Name the file like the photo, followed by .json; the photo then runs automatically. If it is not for this "
        "photo, remove it, and run `backdrop rerun KEY` with the photo's key.",
    ),
    Code.NO_INSTRUCTIONS: CatalogEntry(
        Cost.NOTHING,
        Disposition.REFUSED,
        None,
        Sentence("No sidecar, tag, or folder default says what to do with the photo."),
        replace(
            Advice.from_text(
                'Add a sidecar such as {"prompt": "on a marble table"} next to the photo, the tag operation=remove, or '
                "a _backdrop.json for the whole folder. The photo runs when the instructions arrive."
            ),
            custom_request_text=Sentence(
                'Add instructions to the request, such as {"operation": "remove"}, and send it again.'
            ),
        ),
    ),
    Code.SIDECAR_NOT_JSON: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The sidecar is not a JSON object in UTF-8.",
        f"Look for an extra comma, a missing quote, or typographic quotes. {_FIX_INSTRUCTIONS}",
        FollowUp.RUNS,
    ),
    Code.SIDECAR_TOO_LARGE: _entry(
        Cost.NOTHING, Disposition.REFUSED, "The sidecar is larger than 64 KB.", _FIX_INSTRUCTIONS, FollowUp.RUNS
    ),
    Code.UNKNOWN_FIELD: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The instructions contain a field that does not exist.",
        f"docs/reference.md lists the fields. {_FIX_INSTRUCTIONS}",
        FollowUp.RUNS,
    ),
    Code.INVALID_VALUE: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "A field has a value that it does not accept.",
        f"docs/reference.md lists the values of each field. {_FIX_INSTRUCTIONS}",
        FollowUp.RUNS,
    ),
    Code.MISSING_PROMPT: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The instructions request a new background, but do not describe it.",
        'Add a "prompt", or set "operation": "remove".',
    ),
    Code.CONFLICTING_FIELDS: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "Two fields cannot be used together.",
        "Keep one of them, and remove the other.",
    ),
    Code.UNKNOWN_PLACEHOLDER: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "A text contains a placeholder such as `{sku}`, and the photo has no value for it.",
        "Add the value to `metadata`, correct the name, or write a literal brace as `{{`",
        FollowUp.RUNS,
    ),
    Code.NAME_TAKEN: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "A picture would have the same key as another picture, because of `name_template`.",
        "Change the template or its values, so that each picture has a name of its own. If the other photo no longer "
        "needs the name, run `backdrop rerun KEY` with the key of this photo.",
    ),
    Code.FOLDER_DEFAULTS_BROKEN: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "A request names a photo whose folder defaults contain an error.",
        "Correct the file that the message names; its own report lists the errors",
        FollowUp.SEND_AGAIN,
    ),
    Code.REFERENCE_NOT_FOUND: _named_image_entry("A style reference image is not in the input bucket.", "it"),
    Code.REFERENCE_UNUSABLE: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "A style reference image cannot be used.",
        "Name another picture in one of the photo formats. It must not be the photo itself. All reference images "
        "of a call are compressed to 10 MB together.",
    ),
    Code.LOGO_UNUSABLE: _named_image_entry(
        "The logo is missing, is not a picture that can be drawn, or is transparent everywhere.", "a PNG, WebP, or JPEG"
    ),
    Code.BACKGROUND_UNUSABLE: _named_image_entry(
        "The background picture is missing, is not a picture that can be drawn, or is transparent everywhere.",
        "a PNG, WebP, or JPEG",
    ),
    Code.FRAME_NEEDS_MASK: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The instructions place the subject in the frame (`subject_size`, `position`), but the photo has no "
        "transparent parts that show where its subject is.",
        "Remove `subject_size` and `position`, or upload a cut-out of the photo",
        FollowUp.RUNS,
    ),
    Code.PHOTO_NOT_FOUND: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "A request names a photo that is not in the bucket.",
        "Check the bucket and the key (keys are case-sensitive), and upload the photo",
        FollowUp.SEND_AGAIN,
    ),
    Code.NOT_EXPRESSIBLE: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The provider does not support a field or value of the instructions.",
        "Remove the field, or choose a provider that supports it.",
    ),
    Code.MORE_IMAGES_THAN_PLACES: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The call would need more images in progress at the provider than this stack may have there.",
        "Lower num_images, name another provider, or deploy with a larger MaxInFlight if your account allows that; "
        "then upload the photo again.",
    ),
    Code.PROVIDER_NOT_CONFIGURED: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The provider is disabled in this stack.",
        "Name another provider; or enable this one with its MaxInFlight parameter, and upload the photo again.",
    ),
    Code.MAX_COST_EXCEEDED: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The job may cost more than its max_cost_usd allows.",
        "Raise max_cost_usd, or request fewer images or a faster rendering speed.",
    ),
    Code.MANDATE_SPENT: _entry(
        Cost.PERHAPS_MASK,
        Disposition.REFUSED,
        "The mandate that pays for the photo's folder has too little left for the job, in total or for the day.",
        "Ask the mandate's owner to raise it with `backdrop mandate raise`. If the limit of the day is reached, you "
        "can also wait for the next day (UTC)",
        FollowUp.OWNER_RERUNS,
    ),
    Code.MANDATE_SUSPENDED: _entry(
        Cost.PERHAPS_MASK,
        Disposition.REFUSED,
        "The mandate that pays for the photo's folder is suspended, by an operator or because a provider charged, or "
        "may have charged, more than was reserved.",
        "Ask the mandate's owner to find out why, and to resume it with `backdrop mandate resume`",
        FollowUp.OWNER_RERUNS,
    ),
    Code.MANDATE_ENDED: _entry(
        Cost.PERHAPS_MASK,
        Disposition.REFUSED,
        "The mandate that owns the photo's folder has ended, so nothing is bought there.",
        "Upload the photo to another folder. Or ask the mandate's owner to release this one with `backdrop mandate "
        "release`",
        FollowUp.OWNER_RERUNS,
    ),
    Code.MANDATE_FORBIDS: _entry(
        Cost.PERHAPS_MASK,
        Disposition.REFUSED,
        "The mandate that pays for the photo's folder does not allow the operation, the price of a picture, or an "
        "image outside the folder.",
        "Request an operation that the mandate allows, a cheaper picture, or an image in the folder",
        FollowUp.RUNS,
        note="Only the mandate's owner can allow more: with `backdrop mandate raise`, and then `backdrop rerun KEY`.",
    ),
    Code.MANDATE_WAITS: _waiting_entry(
        Cost.PERHAPS_MASK,
        "The mandate that pays for the photo's folder does not cover the job now, so the job waits.",
        "Ask the mandate's owner to raise it with `backdrop mandate raise`, request a cheaper picture, or, if only the "
        "day's limit is reached, wait for the next day (UTC)",
    ),
    Code.PRICE_UNKNOWN: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The provider bills in its own credits, and this stack does not know their price.",
        "Set the stack parameter OneMinUsdPerImage, and upload the photo again; or name another provider.",
        for_operator=True,
    ),
    Code.UNSAFE_REQUEST: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The provider's safety check rejected the prompt or the photo.",
        "Change the photo, or the prompt if there is one.",
    ),
    Code.CAMPAIGN_REFUSED: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The campaign cannot start, because its input or its manifest is invalid. Nothing was charged.",
        "Correct what the message names, and start the campaign again. `backdrop campaign quote` checks it beforehand.",
    ),
    Code.MAX_TOTAL_EXCEEDED: _entry(
        Cost.NOTHING,
        Disposition.REFUSED,
        "The campaign may cost more than its max_total_usd allows. Nothing was charged.",
        "Raise max_total_usd, or request fewer or cheaper pictures.",
    ),
    Code.TOO_MANY_FAILURES: _entry(
        Cost.NOTHING,
        Disposition.DEAD,
        "More of the campaign's items failed than its tolerated_failure_percent allows.",
        "Read the campaign's report: it lists the failures by code. All pictures that were bought are delivered.",
    ),
    Code.PROVIDER_KEY_MISSING: _waiting_entry(
        Cost.NOTHING,
        "The provider's API key is not set in Secrets Manager.",
        "Store the key in the secret that `backdrop status` names.",
        for_operator=True,
    ),
    Code.PROVIDER_KEY_REFUSED: _waiting_entry(
        Cost.NOTHING, "The provider rejects the API key.", "Check the key and the account's balance.", for_operator=True
    ),
    Code.PROVIDER_OUT_OF_MONEY: _waiting_entry(
        Cost.NOTHING, "The provider's account has no credit left.", "Add credit to the account.", for_operator=True
    ),
    Code.PROVIDER_PLAN_REFUSES: _waiting_entry(
        Cost.NOTHING,
        "The account's plan at the provider does not include what the call asks for, such as private pictures.",
        "Change the account's plan. For Ideogram, you can also set the stack parameter IdeogramEndpoint to v1.",
        for_operator=True,
    ),
    Code.PROVIDER_REFUSES: _waiting_entry(
        Cost.NOTHING,
        "The provider refuses a call, and does not say whether the account or this photo is the reason.",
        "If all photos are refused, check the account's balance and spending limits. Backdrop first sends "
        "another photo. If that one succeeds, the refused one ends as request_rejected.",
        for_operator=True,
    ),
    Code.PROVIDER_DAILY_LIMIT: _waiting_entry(Cost.NOTHING, "The provider's daily limit is reached."),
    Code.PROVIDER_MISCONFIGURED: _waiting_entry(
        Cost.NOTHING,
        "The provider has no API at the configured address.",
        "Check the provider's BaseUrl parameter.",
        for_operator=True,
    ),
    Code.PROVIDER_EDGE_REFUSES: _waiting_entry(
        Cost.NOTHING,
        "The network in front of the provider, such as a firewall, refuses calls, so they do not reach the API.",
        "If this lasts, ask the provider whether it blocks the addresses of your AWS region, and check the API key.",
        for_operator=True,
    ),
    Code.PROVIDER_THROTTLED: _waiting_entry(Cost.NOTHING, "The provider's rate limit is reached."),
    Code.PROVIDER_UNAVAILABLE: _waiting_entry(
        Cost.NOTHING, "The provider cannot be reached, or responds with server errors."
    ),
    Code.BUDGET_REACHED: _waiting_entry(
        Cost.NOTHING,
        "Today's budget does not cover the job.",
        "Raise the budget for today with `backdrop budget 300 --today` (300 dollars), raise it permanently "
        "with the stack parameter DailyBudgetUSD, or wait for the next day (UTC).",
        for_operator=True,
    ),
    Code.DELIVERY_BACKED_UP: _waiting_entry(
        Cost.NOTHING,
        "So many paid pictures have been waiting for delivery for over ten minutes that Backdrop has stopped buying.",
        "Run `backdrop doctor`, and search the log of the deliver function for its errors.",
        for_operator=True,
    ),
    Code.PICTURES_NOT_STORED: _waiting_entry(
        Cost.NOTHING,
        "Several paid pictures in a row could not be stored or signed, so Backdrop has stopped buying. It keeps trying "
        "to deliver them, without a charge, and buys again when one is stored.",
        "Check the output bucket: its policy, its KMS key, and whether it exists. If pictures cannot be signed, check "
        "the signing key. `backdrop doctor` checks these, and the message names AWS's error.",
        for_operator=True,
    ),
    Code.PICTURES_NOT_USABLE: _waiting_entry(
        Cost.NOTHING,
        "The provider charged for several pictures in a row that cannot be used, so Backdrop has stopped buying there. "
        "It buys one at increasing intervals, at most once an hour in the end, and goes on when one is delivered.",
        "Find the reason with `backdrop failures`: each code there says what to do. Once it is gone, run `backdrop "
        "resume` with the provider's name to go on at once.",
        for_operator=True,
    ),
    Code.PAUSED_BY_PERSON: _waiting_entry(
        Cost.NOTHING,
        "An operator paused the provider.",
        "Run `backdrop resume` with the provider's name.",
        for_operator=True,
    ),
    Code.LANE_SHUT: _waiting_entry(Cost.NOTHING, "The provider is paused, or is being probed with one job at a time."),
    Code.RESULT_UNREACHABLE: _bought_entry(
        PaidFile.NOT_DOWNLOADED,
        "The paid picture cannot be downloaded at the moment.",
        "Do nothing: Backdrop retries the download until the link expires.",
        cost=Cost.PICTURE_NOT_DOWNLOAD,
        disposition=Disposition.WAITING,
    ),
    Code.SIGNING_FAILED: _bought_entry(
        PaidFile.KEPT,
        "The paid picture cannot get its Content Credentials: the signing key or its certificate does not work.",
        "Run `backdrop doctor`: it makes a trial signature and says what to fix. The paid file is under "
        "_backdrop/paid/. There is nothing to resume afterwards: Backdrop tries again at least every ten minutes, "
        "delivers the pictures without a charge, and resumes the lanes that it paused because delivery was backed up.",
        disposition=Disposition.WAITING,
        for_operator=True,
    ),
    Code.REQUEST_REJECTED: _entry(
        Cost.NOTHING,
        Disposition.DEAD,
        "The provider rejects the request as invalid.",
        "Read the provider's explanation, change what it names, and run `backdrop redrive`.",
        for_operator=True,
    ),
    Code.PROVIDER_FAILED: _entry(
        Cost.UNKNOWN,
        Disposition.DEAD,
        "The provider accepted the request, and ended it with an error that does not say whether it charged.",
        f"Compare with the provider's bill. {_PAY_AGAIN}",
    ),
    Code.UNSAFE_RESULT: _bought_entry(
        PaidFile.NOT_RECEIVED,
        "The provider made the picture, and its safety check then withheld it.",
        "Change the prompt, or set another `revision` to buy a new attempt.",
    ),
    Code.RESULT_UNRECOGNIZED: _bought_entry(
        PaidFile.NOT_RECEIVED,
        "The provider charged for the picture, but Backdrop cannot find it in the response.",
        "Open the stored response that the message names. If it contains the picture, or a link to it, save "
        "the picture under the key that the message names; `backdrop redrive --code result_unrecognized` then delivers "
        "it without a charge. Report the response, so that Backdrop can support its format.",
        for_operator=True,
    ),
    Code.LINK_EXPIRED: _bought_entry(
        PaidFile.GONE, "The link to the paid picture expired before the download.", _REDRIVE
    ),
    Code.RESULT_GONE: _bought_entry(PaidFile.GONE, "The provider no longer has the paid picture.", _REDRIVE),
    Code.PAID_FILE_GONE: _bought_entry(
        PaidFile.GONE,
        "The provider's file is no longer under _backdrop/paid/, and its link has expired.",
        f"The delivered pictures stay. {_REDRIVE}",
        cost=Cost.PAID_BEFORE,
    ),
    Code.RESULT_FOREIGN_HOST: _bought_entry(
        PaidFile.NOT_DOWNLOADED,
        "The provider's link leads to a host that is not on the list of allowed hosts.",
        "If the host belongs to the provider, add it to the stack parameter ResultHosts.",
        for_operator=True,
    ),
    Code.RESULT_REDIRECTED: _bought_entry(
        PaidFile.NOT_DOWNLOADED,
        "The provider's link redirects, and Backdrop does not follow redirects.",
        f"Report it to the provider. {_REDRIVE}",
        for_operator=True,
    ),
    Code.RESULT_NOT_AN_IMAGE: _bought_entry(
        PaidFile.UNUSABLE, "The provider's link returned something other than a picture.", _REDRIVE
    ),
    Code.RESULT_TRUNCATED: _bought_entry(PaidFile.UNUSABLE, "The provider's picture is truncated.", _REDRIVE),
    Code.RESULT_TOO_LARGE: _bought_entry(
        PaidFile.NOT_DOWNLOADED,
        "The provider's file is larger than any picture should be.",
        "Check the host of the link.",
        for_operator=True,
    ),
    Code.RESULT_NOT_TRANSPARENT: _bought_entry(
        PaidFile.UNUSABLE_BUT_KEPT,
        "The job removes the background, but either nothing or everything in the picture is transparent.",
        "Open the file under _backdrop/paid/. Use a photo with a clearly visible subject, or set another `revision`.",
    ),
    Code.RESULT_SHOWS_NOTHING: _bought_entry(
        PaidFile.UNUSABLE_BUT_KEPT,
        "Nothing is visible in the paid picture, or in the part that the output shows: all of that is transparent.",
        "Open the file under _backdrop/paid/. If it shows the subject, request another `output`, such as one with "
        '`"size": "provider"` or without `"fit": "cover"`. Otherwise, use another photo, or set another `revision`.',
    ),
    Code.OUTPUT_NOT_MADE: _bought_entry(
        PaidFile.KEPT,
        "The paid picture is good, but it cannot be encoded in the requested format and size, or an image that it "
        "draws is gone.",
        "Request another format or a smaller size in `output`, or name an image that exists. The picture is then "
        "delivered from the file under _backdrop/paid/, without a charge.",
    ),
    Code.REJECTED: CatalogEntry(
        Cost.PICTURE,
        Disposition.REJECTED,
        PaidFile.KEPT,
        Sentence("A person did not approve the picture. It is not delivered, and the provider charged for it."),
        replace(
            Advice.from_text(
                "You do not need to do anything. To buy another picture, run `backdrop review redo` with the photo's "
                "key and new instructions; it shows the price first. The rejected file stays under _backdrop/paid/."
            ),
            custom_request_text=Sentence(
                "You do not need to do anything. To buy another picture, send a new request, or run a campaign, with "
                "another prompt or another `revision`. The rejected file stays under _backdrop/paid/."
            ),
        ),
    ),
    Code.REVIEW_FILE_GONE: _bought_entry(
        PaidFile.KEPT,
        "The file that was approved is no longer under _backdrop/review/, and the file under _backdrop/paid/ does not "
        "give the same picture.",
        "Run `backdrop redrive --code review_file_gone`: people then decide about the file under _backdrop/paid/, "
        "without a charge. Or restore the version that was deleted, and run the same command.",
    ),
    Code.PICTURE_UNKNOWN: _decision_entry(
        "No picture with this job ID and number needs approval.",
        "Run `backdrop review` for the pictures that wait",
    ),
    Code.PICTURE_DECIDED: _decision_entry(
        "Another decision about the picture came first, and it counts.",
        "Ask the person who decided. For another picture, run `backdrop review redo`",
    ),
    Code.PICTURE_SUPERSEDED: _decision_entry(
        "The decision is about a picture that another one has replaced, or that is no longer requested.",
        "Run `backdrop review` for the pictures that wait now",
    ),
    Code.REVIEW_ENDED: _decision_entry(
        "The job of the picture has ended.",
        "Run `backdrop show` with the photo's key for its state",
    ),
    Code.CHARGE_UNKNOWN: _entry(
        Cost.UNKNOWN,
        Disposition.HELD,
        "The provider's response was lost, and it is unknown whether the provider charged.",
        f"Compare with the provider's bill. {_PAY_AGAIN}",
    ),
    Code.OWNER_AT_WORK: _waiting_entry(
        Cost.NOTHING,
        "The same photo with the same instructions is being bought under another key; its picture will be reused.",
    ),
    Code.BEING_PROCESSED: _waiting_entry(
        Cost.NOTHING, "Another worker is processing this job, or has just crashed while it did."
    ),
    Code.MASK_PENDING: _waiting_entry(
        Cost.NOTHING,
        "The picture is bought. For at most 15 minutes, it waits for the photo's cut-out, which shows where the "
        "product is, so that Backdrop can compare the product with the photo's.",
    ),
    Code.JOB_IN_FLIGHT: _waiting_entry(
        Cost.CALL_IN_FLIGHT, "Another worker has a call in flight for this job, or has just crashed during one."
    ),
    Code.TOO_LITTLE_TIME: _waiting_entry(
        Cost.NOTHING,
        "The invocation has less time left than the call, another photo, or the next picture may take.",
        "If a job keeps waiting for this reason, raise RenderTimeoutSeconds, or lower the provider's TimeoutSeconds.",
        for_operator=True,
    ),
    Code.BUDGET_RESERVED: _waiting_entry(Cost.NOTHING, "Calls in flight have reserved the rest of today's budget."),
    Code.LEDGER_CONFLICT: _waiting_entry(Cost.NOTHING, "Other workers repeatedly changed the same items first."),
    Code.LEDGER_UNAVAILABLE: _waiting_entry(
        Cost.NOTHING, "The ledger's table does not respond, so nothing is bought.", "Check DynamoDB.", for_operator=True
    ),
    Code.STORAGE_UNAVAILABLE: _waiting_entry(
        Cost.NOTHING, "A bucket or queue does not respond.", "Check S3 and SQS.", for_operator=True
    ),
    Code.CRASHED: _entry(
        Cost.SEE_REPORT,
        Disposition.DEAD,
        "Workers crashed five times while processing this photo or job.",
        "Find the cause in the functions' logs, and run `backdrop redrive`. Or save the photo again, and "
        "upload that file.",
        for_operator=True,
    ),
    Code.MESSAGE_GIVEN_UP: _entry(
        Cost.SEE_REPORT,
        Disposition.DEAD,
        "SQS delivered a message 1,000 times, and then moved it to the dead-letter queue.",
        "Read the function's log. `backdrop redrive` restores everything that the ledger has recorded.",
        for_operator=True,
    ),
    Code.DAMAGED_MESSAGE: _entry(
        Cost.NOTHING,
        Disposition.DEAD,
        "A queue message cannot be parsed.",
        "Find the sender of such messages; the body is in the dead letter.",
        for_operator=True,
    ),
}

CODES_WITH_PROVIDER_WORDS = frozenset(
    {
        Code.PROVIDER_KEY_REFUSED,
        Code.PROVIDER_OUT_OF_MONEY,
        Code.PROVIDER_PLAN_REFUSES,
        Code.PROVIDER_DAILY_LIMIT,
        Code.PROVIDER_REFUSES,
        Code.PROVIDER_MISCONFIGURED,
        Code.PROVIDER_EDGE_REFUSES,
        Code.PROVIDER_THROTTLED,
        Code.PROVIDER_UNAVAILABLE,
        Code.REQUEST_REJECTED,
        Code.UNSAFE_REQUEST,
        Code.PROVIDER_FAILED,
        Code.CHARGE_UNKNOWN,
    }
)
"""Codes of calls. Their messages may quote the provider, and only operators read them, by `backdrop show` and `status`.

Reports, events, and requests have the code's meaning instead: clients and agents read them, and a provider's words may
quote another photo, or tell an agent what to do.
"""
