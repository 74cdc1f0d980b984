"""What the Content Credentials of a picture state: pure data from the facts about its job.

Terms are those of the C2PA Technical Specification 2.2: an ingredient is a file that went into the picture, an action
is what was done, and a claim is the list of both that is signed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from backdrop.imaging.sizes import format_size
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.xmp import CREATOR_TOOL, find_source_type
from backdrop.model.capabilities import REMOVERS, find_remover
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.output_spec import OutputSpec

PHOTO, PAID_FILE = "photo", "paid_file"
"""The IDs by which actions refer to the two ingredients."""
JOB_LABEL, PROMPT_PARAMETER = "org.backdrop.job", "org.backdrop.prompt"
SERVICE_NAMES = {"ideogram": "Ideogram", "segmind": "Segmind", "1min": "1min.ai", "runware": "Runware"}
REPLACER_NAMES = dict.fromkeys(SERVICE_NAMES, "Ideogram 3.0")
REMOVER_NAMES = {"ideogram": "Ideogram's background remover", "birefnet-matting": "BiRefNet Matting"}
_UNKNOWN_MODEL = "a generative AI model"
_OWN_PIXELS = {
    "replace": "The photo's own product composited into the picture",
    "remove": "The photo's own pixels cut out along the outline in the picture",
}
MAX_MANIFEST_BYTES = 15 * 1024
"""What Backdrop's own statement may add to a picture, in addition to the credentials that the provider's file has."""
_MIME_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


@dataclass(frozen=True, eq=False)
class PictureFacts:
    """What Content Credentials state about one picture.

    `has_own_subject`: the picture shows the photo's own pixels of the product. Only the function that signs adds what
    is known of the provider's file: `paid_file`, unchanged, or None if it is gone, and `maker`, the provider that made
    it, or None if that is unknown, because another job bought it.
    """

    job: Job
    n: int
    output: OutputSpec
    has_own_subject: bool
    paid_file: bytes | None = None
    maker: str | None = None


def build_manifest(facts: PictureFacts, *, source_term: str, with_prompt: bool) -> dict[str, Any]:
    """Returns the manifest's definition for the C2PA library, without the version of Backdrop.

    `source_term`: see `find_source_type`. `with_prompt`: whether to state the prompt.
    """
    job = facts.job
    photo = {
        "title": job.key.rpartition("/")[2],
        "relationship": "parentOf",
        "instance_id": f"urn:sha256:{job.sha256}",
        "label": PHOTO,
    }
    statement = {"job_id": job.job_id, "photo_sha256": job.sha256, "image": facts.n}
    if facts.output.name:
        statement["output"] = facts.output.name
    actions = list(_list_actions(facts, source_term, with_prompt=with_prompt))
    return {
        "claim_generator_info": [{"name": CREATOR_TOOL}],
        "ingredients": [photo],
        "assertions": [
            {"label": "c2pa.actions.v2", "created": True, "data": {"actions": actions}},
            {"label": JOB_LABEL, "created": True, "data": statement},
        ],
    }


def build_paid_file_ingredient(facts: PictureFacts) -> dict[str, Any] | None:
    """Returns the provider's file as an ingredient. Its own Content Credentials are added from the file itself."""
    if facts.paid_file is None:
        return None
    file_format = sniff_file(facts.paid_file).format
    return {
        "title": f"File from {_name_service(facts.maker)}",
        "format": _MIME_TYPES[file_format] if file_format else "application/octet-stream",
        "relationship": "componentOf",
        "instance_id": f"urn:sha256:{sha256_hex(facts.paid_file)}",
        "label": PAID_FILE,
    }


def hash_claims(facts: PictureFacts, *, source_term: str, with_prompt: bool) -> str:
    """Returns the hash of what a manifest states, so that the same statement is signed only once.

    What is known of the provider's file is not part of it: it stays the same or gets lost, and a picture that was
    signed while it was known keeps its manifest.
    """
    lasting = replace(facts, maker=None, paid_file=None)
    manifest = build_manifest(lasting, source_term=source_term, with_prompt=with_prompt)
    return sha256_hex(json.dumps(manifest, sort_keys=True).encode())


def _list_actions(facts: PictureFacts, source_term: str, *, with_prompt: bool) -> Iterator[dict[str, Any]]:
    job = facts.job
    model = _name_model(facts)
    is_direct = facts.maker is None or _name_service(facts.maker) in model
    through = "" if is_direct else f" through {_name_service(facts.maker)}"
    verb = "generated" if job.operation == "replace" else "removed"
    yield {"action": "c2pa.opened", "parameters": {"ingredientIds": [PHOTO]}}
    edit: dict[str, Any] = {
        "action": "c2pa.edited",
        "description": f"Background {verb} by {model}{through}",
        "softwareAgent": {"name": model},
        "digitalSourceType": find_source_type(job.operation, source_term),
    }
    prompt = job.instructions.get("prompt")
    if with_prompt and prompt:
        edit["parameters"] = {PROMPT_PARAMETER: prompt}
    yield edit
    if facts.paid_file is not None:
        yield {
            "action": "c2pa.placed",
            "description": f"Picture received from {_name_service(facts.maker)}",
            "parameters": {"ingredientIds": [PAID_FILE]},
        }
    if facts.has_own_subject:
        yield {"action": "c2pa.edited", "description": _OWN_PIXELS[job.operation]}
    if not facts.output.is_plain_lossless:
        yield {"action": "c2pa.edited", "description": f"Laid out as {_describe_output(facts.output)}"}


def _name_model(facts: PictureFacts) -> str:
    if facts.job.operation == "replace":
        return REPLACER_NAMES.get(facts.maker or "", _UNKNOWN_MODEL)
    return (
        REMOVER_NAMES[find_remover(facts.maker, facts.job.instructions)] if facts.maker in REMOVERS else _UNKNOWN_MODEL
    )


def _name_service(maker: str | None) -> str:
    return SERVICE_NAMES.get(maker or "", "the provider")


def _describe_output(output: OutputSpec) -> str:
    """Returns for example `JPG, at most 800 × 600 pixels, trimmed, with a background, a shadow, and a logo`."""
    width, height = output.requested_width, output.height
    if width and height:
        size = [f"in {format_size((width, height))}"]
    else:
        size = [f"{side} {pixels} pixels" for side, pixels in (("width", width), ("height", height)) if pixels]
    additions = {"a background": output.background, "a shadow": output.shadow, "a logo": output.logo}
    added = [f"with {name}" for name, value in additions.items() if value]
    return ", ".join([output.format.upper(), *size, *(["trimmed"] if output.trim else []), *added])
