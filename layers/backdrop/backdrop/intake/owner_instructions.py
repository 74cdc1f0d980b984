"""What a mandate's owner decides about the photos in its folder, whatever the mandate's clients write there.

Clients can write every sidecar, tag, and folder default below the mandate's prefix. Only the owner can write the
defaults of the folders above it, and send requests.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backdrop.instructions.merge import ResolvedInstructions, merge_instructions
from backdrop.instructions.sources import REQUEST, TAGS, InstructionSource
from backdrop.model.capabilities import REFERENCES_FIELD
from backdrop.model.codes import Code
from backdrop.model.composition import NONE
from backdrop.model.errors import InstructionError
from backdrop.model.mandate import Mandate
from backdrop.model.object_keys import DEFAULTS_NAME
from backdrop.model.output_spec import list_output_objects
from backdrop.model.review import APPROVAL_FIELD, requires_approval


def list_owner_sources(instruction_sources: Sequence[InstructionSource], mandate: Mandate) -> list[InstructionSource]:
    """Returns the sources that no client of the mandate can write."""
    return [
        one
        for one in instruction_sources
        if one.name == REQUEST or (one.name != TAGS and not one.name.startswith(mandate.prefix))
    ]


def keep_required_approval(
    instructions: ResolvedInstructions, owner_sources: Sequence[InstructionSource], variant: str
) -> ResolvedInstructions:
    """Returns the instructions, with approval if the owner requires it: a nearer source cannot lift that."""
    owned = merge_instructions(owner_sources, variant)
    if not requires_approval(owned.fields) or requires_approval(instructions.fields):
        return instructions
    return replace(
        instructions,
        fields={**instructions.fields, APPROVAL_FIELD: owned.fields[APPROVAL_FIELD]},
        provenance={**instructions.provenance, APPROVAL_FIELD: owned.provenance[APPROVAL_FIELD]},
    )


def find_forbidden_images(
    instructions: ResolvedInstructions,
    owner_sources: Sequence[InstructionSource],
    variant: str,
    mandate: Mandate,
) -> list[InstructionError]:
    """Returns an error for each field that names images outside the mandate's folder which the owner does not name.

    The pipeline may read the whole bucket. Without this check, a client could have it draw, or send to a provider, what
    the client itself may not read. So the check must come before the images are read.
    """
    given = [fields for source in owner_sources for fields in source.select_fields(variant)]
    owner_keys = {key for fields in given for keys in _list_image_keys(fields).values() for key in keys}
    errors: list[InstructionError] = []
    for name, keys in _list_image_keys(instructions.fields).items():
        forbidden = [key for key in keys if not key.startswith(mandate.prefix) and key not in owner_keys]
        if forbidden:
            more = f" and {len(forbidden) - 1} more" if forbidden[1:] else ""
            message = (
                f"{instructions.provenance[name]}: {name} names {forbidden[0]}{more}, outside {mandate.prefix}, the "
                f"folder of the mandate {mandate.name}."
            )
            errors.append(InstructionError(Code.MANDATE_FORBIDS, message, _build_advice(mandate)))
    return errors


def _list_image_keys(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the keys of the images that validated fields name, by field."""
    keys = {
        REFERENCES_FIELD: list(fields.get(REFERENCES_FIELD, ())),
        "logo": list(_list_brand_keys(fields)),
        "output": [key for output in list_output_objects(fields) for key in _list_brand_keys(output)],
    }
    return {name: list(dict.fromkeys(found)) for name, found in keys.items()}


def _list_brand_keys(fields: Mapping[str, Any]) -> Iterator[str]:
    for value in (fields.get("logo"), fields.get("background")):
        if isinstance(value, Mapping) and value.get("image", NONE) != NONE:
            yield value["image"]


def _build_advice(mandate: Mandate) -> str:
    return (
        f"Name an image below {mandate.prefix} instead; the photo then runs again automatically. Or the mandate's "
        f"owner names this one in the {DEFAULTS_NAME} of a folder above, and runs `backdrop rerun KEY` with the key of "
        "the photo"
    )
