"""Merges the instruction sources of a photo into one set of instructions per variant, with the origin of each value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backdrop.instructions.sources import TAGS, InstructionSource
from backdrop.model.capabilities import PROVIDER_FIELDS, REMOVE_FIELDS, REPLACE_FIELDS
from backdrop.model.codes import Code
from backdrop.model.composition import COMPOSITION_FIELDS, CUT_OUT_FIELDS
from backdrop.model.errors import InstructionError
from backdrop.model.fidelity import SUBJECT_FIELD
from backdrop.model.frame import FRAME_FIELD, SUBJECT_FIELDS, build_frame_spec
from backdrop.model.job import REQUEST
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import find_marketplace_conflicts, find_output_errors, parse_outputs
from backdrop.model.sentence import Sentence

# The fields of a group exclude or explain each other, so they are inherited together or not at all.
OPERATION_GROUP = frozenset({"operation", "prompt"})
FIELD_GROUPS: tuple[frozenset[str], ...] = (
    OPERATION_GROUP,
    frozenset({"style_preset", "style_codes", "style_type", "style_reference_images"}),
)
# These fields reach the provider and are part of a job's identity. All others only affect how the result is processed.
PURCHASE_FIELDS = frozenset({"operation", "provider", *PROVIDER_FIELDS})
METADATA_FIELD = "metadata"
"""The field that is merged key by key. Every other field takes the whole value of the nearest source."""
# A variant does not inherit these for the operation.
_FIELDS_WITHOUT_MEANING: Mapping[str, Sequence[str]] = {
    "remove": (*REPLACE_FIELDS, SUBJECT_FIELD),
    "replace": (*REMOVE_FIELDS, *CUT_OUT_FIELDS),
}
_OUTPUT_ADVICE = {
    "remove": "Set a background for the output, or choose a format with transparency.",
    "replace": "Use operation remove, or correct the output.",
}
_FRAME_ADVICE = 'Set a frame such as "4:5", or remove the field.'
_MARKETPLACE_ADVICE = {
    "subject_size": "Choose a larger `subject_size`, or another marketplace.",
    "operation": "Use operation remove, or choose another marketplace.",
    "logo": 'Remove the logo, write "logo": "none" in the output, or choose another marketplace.',
    "shadow": 'Remove the shadow, write "shadow": "none" in the output, or choose another marketplace.',
}


@dataclass(frozen=True)
class ResolvedInstructions:
    """The fields of one variant under their long names, and the source of each value.

    `provenance` has an entry such as `metadata.sku` for each key of the metadata that another source provides.
    `filled_texts`: the texts whose placeholders were filled, by path.
    """

    fields: Mapping[str, Any]
    provenance: Mapping[str, str]
    warnings: tuple[JobWarning, ...] = ()
    filled_texts: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def operation(self) -> str:
        return self.fields["operation"]

    @property
    def purchase_fields(self) -> dict[str, Any]:
        """The fields that reach the provider, as given, and the shape of a frame. A job's identity includes them.

        The frame of a removed background is not among them, because it only affects the outputs.
        """
        given = {name: value for name, value in self.fields.items() if name in PURCHASE_FIELDS}
        return given if self.operation == "remove" else given | build_frame_spec(self.fields)

    @property
    def revision(self) -> str | None:
        return self.fields.get("revision")

    def list_providers(self, default: str) -> tuple[str, ...]:
        """Returns the providers that may run the job, in order of preference."""
        preference = self.fields.get("provider", default)
        return (preference,) if isinstance(preference, str) else tuple(preference)


def is_complete(sources: Sequence[InstructionSource]) -> bool:
    """True if the photo need not wait for more instructions: it has a sidecar, or its tags name an operation."""
    return any(source.name != TAGS or source.errors or "operation" in source.fields for source in sources)


def list_variants(sources: Sequence[InstructionSource]) -> tuple[str, ...]:
    """Returns the variant names of the nearest source that has variants; otherwise one empty name."""
    variants = next((source.variants for source in sources if source.variants is not None), None)
    return tuple(variants) if variants else ("",)


def resolve(sources: Sequence[InstructionSource], variant: str = "") -> ResolvedInstructions:
    """Merges the sources for one variant; raises the first InstructionError of the result."""
    instructions = merge_instructions(sources, variant)
    for error in find_errors(instructions, sources, variant):
        raise error
    return instructions


def merge_instructions(sources: Sequence[InstructionSource], variant: str = "") -> ResolvedInstructions:
    """Merges the sources for one variant, nearest first. Within a source, the variant's own fields are nearer.

    The caller has already reported errors within the sources.
    """
    fields: dict[str, Any] = {}
    provenance: dict[str, str] = {}
    decided_names = set[str]()
    for source in sources:
        for given in source.select_fields(variant):
            taken = {field: value for field, value in given.items() if field not in decided_names}
            fields |= taken
            provenance |= dict.fromkeys(taken, source.name)
            decided_names |= set(taken) | _expand_groups(taken)
    meaningless = _FIELDS_WITHOUT_MEANING.get(fields.get("operation", ""), ())
    fields = {name: value for name, value in fields.items() if name not in meaningless}
    origins = {name: provenance[name] for name in fields}
    if METADATA_FIELD in fields:
        fields[METADATA_FIELD], origins_of_keys = _merge_metadata(sources, variant)
        nearest = origins[METADATA_FIELD]
        origins |= {f"{METADATA_FIELD}.{key}": origin for key, origin in origins_of_keys.items() if origin != nearest}
    tag_warnings = (
        JobWarning(code=WarningCode.TAG_NOT_READ, text=Sentence(words))
        for source in sources
        for words in source.warnings
    )
    warnings = (*tag_warnings, *_list_override_warnings(sources, variant))
    return ResolvedInstructions(fields, origins, warnings)


def _merge_metadata(sources: Sequence[InstructionSource], variant: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Merges metadata key by key, nearest first, and returns the source of each key too."""
    metadata: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in sources:
        for given in source.select_fields(variant):
            added = {key: value for key, value in given.get(METADATA_FIELD, {}).items() if key not in metadata}
            metadata |= added
            origins |= dict.fromkeys(added, source.name)
    return metadata, origins


def find_errors(
    instructions: ResolvedInstructions, sources: Sequence[InstructionSource], variant: str
) -> list[InstructionError]:
    errors: list[InstructionError] = []
    if "operation" not in instructions.fields:
        return [InstructionError(Code.NO_INSTRUCTIONS, _describe_missing_instructions(sources, variant))]
    if instructions.operation == "replace" and "prompt" not in instructions.fields:
        errors.append(InstructionError(Code.MISSING_PROMPT, _describe_missing_prompt(instructions, sources, variant)))
    without_frame = [name for name in SUBJECT_FIELDS if name in instructions.fields]
    if without_frame and FRAME_FIELD not in instructions.fields:
        places = ", ".join(f"{instructions.provenance[name]}: {name}" for name in without_frame)
        message = f"{places} needs a frame, but no place sets one."
        errors.append(InstructionError(Code.CONFLICTING_FIELDS, message, _FRAME_ADVICE))
    if output_objections := find_output_errors(instructions.operation, parse_outputs(instructions.fields)):
        message = f"{instructions.provenance.get('output', 'output')}: {'; '.join(output_objections)}"
        errors.append(InstructionError(Code.CONFLICTING_FIELDS, message, _OUTPUT_ADVICE[instructions.operation]))
    if marketplace_conflicts := list(
        find_marketplace_conflicts(instructions.fields, _list_inherited_fields(instructions, sources))
    ):
        message = f"{instructions.provenance['output']}: {'; '.join(one.reason for one in marketplace_conflicts)}"
        advice = " ".join(dict.fromkeys(_MARKETPLACE_ADVICE[one.field] for one in marketplace_conflicts))
        errors.append(InstructionError(Code.CONFLICTING_FIELDS, message, advice))
    errors += _find_metadata_errors(instructions)
    return errors


def _list_inherited_fields(instructions: ResolvedInstructions, sources: Sequence[InstructionSource]) -> list[str]:
    """Returns the fields next to `output` that a less specific source than that of `output` sets."""
    distances = {source.name: n for n, source in enumerate(sources)}
    output_distance = distances[instructions.provenance["output"]] if "output" in instructions.fields else 0
    return [
        name
        for name in COMPOSITION_FIELDS
        if name in instructions.fields and distances[instructions.provenance[name]] > output_distance
    ]


def _find_metadata_errors(instructions: ResolvedInstructions) -> list[InstructionError]:
    """The limit of each source also applies to the metadata of all sources together."""
    places = {origin for name, origin in instructions.provenance.items() if name.partition(".")[0] == METADATA_FIELD}
    if len(places) < 2:
        return []
    # Most photos have metadata from one source, and this module adds to a cold start.
    from backdrop.instructions.values import validate_metadata

    try:
        validate_metadata(instructions.fields[METADATA_FIELD])
    except ValueError as error:
        message = f"The {METADATA_FIELD} of {' and '.join(sorted(places))} together: {error}."
        return [InstructionError(Code.INVALID_VALUE, message)]
    return []


def _list_override_warnings(sources: Sequence[InstructionSource], variant: str) -> tuple[JobWarning, ...]:
    """Warns if a nearer source sets the operation or prompt of all variants, so that they become the same picture."""
    for n, source in enumerate(sources):
        if source.variants is not None:
            decided_names = OPERATION_GROUP & source.variants.get(variant, {}).keys()
            overriding_names = (
                [one.name for one in sources[:n] if OPERATION_GROUP & one.fields.keys()] if decided_names else []
            )
            messages = [
                f"all variants of {source.name} get the same operation or prompt from {one}"
                for one in overriding_names[:1]
            ]
            return tuple(JobWarning(code=WarningCode.SAME_VARIANTS, text=Sentence(one)) for one in messages)
    return ()


def overlay_fields(nearer: Mapping[str, Any], farther: Mapping[str, Any]) -> dict[str, Any]:
    """Merges fields under long names. If the nearer set has a field of a group, it provides the whole group."""
    decided_names = {*nearer, *_expand_groups(nearer)}
    merged = {name: value for name, value in farther.items() if name not in decided_names} | dict(nearer)
    if METADATA_FIELD in merged:
        merged[METADATA_FIELD] = {**farther.get(METADATA_FIELD, {}), **nearer.get(METADATA_FIELD, {})}
    return merged


def _expand_groups(names: Iterable[str]) -> set[str]:
    return {member for group in FIELD_GROUPS if group & {*names} for member in group}


def _describe_missing_prompt(
    instructions: ResolvedInstructions, sources: Sequence[InstructionSource], variant: str
) -> str:
    """Names the source of the operation, a source whose prompt is not inherited, and tags that may be misspelled."""
    operation_source = instructions.provenance["operation"]
    message = f"{operation_source}: operation is replace, but there is no prompt."
    prompt_source = next(
        (source.name for source in sources if any("prompt" in given for given in source.select_fields(variant))), None
    )
    explanation = (
        f"The prompt of {prompt_source} is not inherited, because operation and prompt are inherited together."
        if prompt_source
        else ""
    )
    return " ".join([message, *filter(None, [explanation]), *_format_tag_warnings(sources)])


def _format_tag_warnings(sources: Sequence[InstructionSource]) -> list[str]:
    return [f"{text[:1].upper()}{text[1:]}" for source in sources for text in source.warnings]


def _describe_missing_instructions(sources: Sequence[InstructionSource], variant: str) -> str:
    """Lists the fields that are set instead of an operation or a prompt, and the tags that may be misspelled."""
    names_by_source = [
        (source.name, {name for one in source.select_fields(variant) for name in one}) for source in sources
    ]
    partial_texts = [
        f"{where} sets {', '.join(sorted(map(_to_short_name, names)))}" for where, names in names_by_source if names
    ]
    file_sources = [source for source in sources if source.name != TAGS]
    if partial_texts:
        message = f"{'; '.join(partial_texts)}. Nothing sets an operation or a prompt."
    elif file_sources:
        name = f"The {REQUEST}" if file_sources[0].name == REQUEST else file_sources[0].name
        problem = "is empty" if file_sources[0].variants is None else "sets neither an operation nor a prompt"
        message = f"{name} {problem}, and no tag sets an operation or a prompt."
    else:
        message = "No sidecar, tag, or folder default sets an operation or a prompt."
    return " ".join([message, *_format_tag_warnings(sources)])


def _to_short_name(name: str) -> str:
    return "style" if name in ("style_preset", "style_codes") else name
