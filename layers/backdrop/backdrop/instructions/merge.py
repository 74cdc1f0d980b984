"""From all the places that say something to one set of instructions a variant, with the origin of each value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.instructions.sources import REQUEST, TAGS, InstructionSource
from backdrop.model.capabilities import PROVIDER_FIELDS
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import find_output_errors, parse_outputs
from backdrop.model.sentence import Sentence

# Fields that exclude or explain one another are inherited together or not at all.
OPERATION_GROUP = frozenset({"operation", "prompt"})
FIELD_GROUPS: tuple[frozenset[str], ...] = (
    OPERATION_GROUP,
    frozenset({"style_preset", "style_codes", "style_type", "style_reference_images"}),
)
# What reaches the provider, and so is part of a job's identity; every other field changes what is done with the result.
PURCHASE_FIELDS = frozenset({"operation", "provider", *PROVIDER_FIELDS})
_OPAQUE_ADVICE = "Give the output a background, or another format."


@dataclass(frozen=True)
class ResolvedInstructions:
    """What is wanted, under long names, and where each value came from."""

    fields: Mapping[str, Any]
    provenance: Mapping[str, str]
    warnings: tuple[JobWarning, ...] = ()

    @property
    def operation(self) -> str:
        return self.fields["operation"]

    @property
    def purchase_fields(self) -> dict[str, Any]:
        """What reaches the provider, as given: the part of a job's identity that says what is bought."""
        return {name: value for name, value in self.fields.items() if name in PURCHASE_FIELDS}

    @property
    def revision(self) -> str | None:
        return self.fields.get("revision")

    def list_providers(self, default: str) -> tuple[str, ...]:
        """The providers that may do it, in order of preference."""
        preference = self.fields.get("provider", default)
        return (preference,) if isinstance(preference, str) else tuple(preference)


def is_complete(sources: Sequence[InstructionSource]) -> bool:
    """Whether a photo need not wait for more: it has a sidecar, or its tags say what is to be done."""
    return any(place.name != TAGS or place.errors or "operation" in place.fields for place in sources)


def list_variants(sources: Sequence[InstructionSource]) -> tuple[str, ...]:
    """The names of the pictures that are wanted: those of the nearest place that names any, else one without a name."""
    variants = next((place.variants for place in sources if place.variants is not None), None)
    return tuple(variants) if variants else ("",)


def resolve(sources: Sequence[InstructionSource], variant: str = "") -> ResolvedInstructions:
    """What the places say of one variant (see `merged`); raises InstructionError when that cannot be done."""
    instructions = merge_instructions(sources, variant)
    for error in find_errors(instructions, sources, variant):
        raise error
    return instructions


def merge_instructions(sources: Sequence[InstructionSource], variant: str = "") -> ResolvedInstructions:
    """Merge what the places say of one variant, nearest first; in one place the variant's own word is the nearer.

    The mistakes inside the places are the caller's to report first.
    """
    fields: dict[str, Any] = {}
    provenance: dict[str, str] = {}
    decided_names = set[str]()
    for place in sources:
        for given in place.select_fields(variant):
            taken = {field: value for field, value in given.items() if field not in decided_names}
            fields |= taken
            provenance |= dict.fromkeys(taken, place.name)
            decided_names |= set(taken) | _expand_groups(taken)
    if fields.get("operation") == "remove":
        fields = {name: value for name, value in fields.items() if name not in PROVIDER_FIELDS}
    tag_warnings = (
        JobWarning(code=WarningCode.TAG_NOT_READ, text=Sentence(words)) for place in sources for words in place.warnings
    )
    warnings = (*tag_warnings, *_list_override_warnings(sources, variant))
    provenance_of_fields = {name: provenance[name] for name in fields}
    return ResolvedInstructions(fields, provenance_of_fields, warnings)


def find_errors(
    instructions: ResolvedInstructions, sources: Sequence[InstructionSource], variant: str
) -> list[InstructionError]:
    """What is wrong with merged instructions."""
    errors: list[InstructionError] = []
    if "operation" not in instructions.fields:
        return [InstructionError(Code.NO_INSTRUCTIONS, _describe_missing_instructions(sources, variant))]
    if instructions.operation == "replace" and "prompt" not in instructions.fields:
        errors.append(InstructionError(Code.MISSING_PROMPT, _describe_missing_prompt(instructions, sources, variant)))
    if output_objections := find_output_errors(instructions.operation, parse_outputs(instructions.fields)):
        message = f"{instructions.provenance.get('output', 'output')}: {'; '.join(output_objections)}"
        errors.append(InstructionError(Code.CONFLICTING_FIELDS, message, _OPAQUE_ADVICE))
    return errors


def _list_override_warnings(sources: Sequence[InstructionSource], variant: str) -> tuple[JobWarning, ...]:
    """A variant whose picture a nearer place decides: all variants of its folder become the same one."""
    for n, place in enumerate(sources):
        if place.variants is not None:
            decided_names = OPERATION_GROUP & place.variants.get(variant, {}).keys()
            overriding_names = (
                [one.name for one in sources[:n] if OPERATION_GROUP & one.fields.keys()] if decided_names else []
            )
            messages = [
                f"{one} gives one operation or prompt to all variants of {place.name}" for one in overriding_names[:1]
            ]
            return tuple(JobWarning(code=WarningCode.SAME_VARIANTS, text=Sentence(one)) for one in messages)
    return ()


def overlay_fields(nearer: Mapping[str, Any], farther: Mapping[str, Any]) -> dict[str, Any]:
    """What two sayings of one place come to, under long names: a group is the nearer one's whole, or not its at all."""
    decided_names = {*nearer, *_expand_groups(nearer)}
    return {name: value for name, value in farther.items() if name not in decided_names} | dict(nearer)


def _expand_groups(names: Iterable[str]) -> set[str]:
    return {member for group in FIELD_GROUPS if group & {*names} for member in group}


def _describe_missing_prompt(
    instructions: ResolvedInstructions, sources: Sequence[InstructionSource], variant: str
) -> str:
    """Who asks for a new background, and who has a prompt that is not theirs to take, or nearly one."""
    operation_source = instructions.provenance["operation"]
    message = f"{operation_source}: operation is replace, and there is no prompt."
    prompt_source = next(
        (place.name for place in sources if any("prompt" in given for given in place.select_fields(variant))), None
    )
    explanation = (
        f"That of {prompt_source} is not inherited: operation and prompt go together." if prompt_source else ""
    )
    return " ".join([message, *filter(None, [explanation]), *_format_tag_warnings(sources)])


def _format_tag_warnings(sources: Sequence[InstructionSource]) -> list[str]:
    """What was perhaps meant by tags that are nearly ours, as sentences."""
    return [f"{miss[:1].upper()}{miss[1:]}" for place in sources for miss in place.warnings]


def _describe_missing_instructions(sources: Sequence[InstructionSource], variant: str) -> str:
    """What each place gives instead, and what was perhaps meant by tags that are nearly ours."""
    names_by_source = [
        (place.name, {name for one in place.select_fields(variant) for name in one}) for place in sources
    ]
    partial_texts = [
        f"{where} gives {', '.join(sorted(map(_to_short_name, names)))}" for where, names in names_by_source if names
    ]
    file_sources = [place for place in sources if place.name != TAGS]
    if partial_texts:
        message = f"{'; '.join(partial_texts)}; nothing gives an operation or a prompt."
    elif file_sources:
        name = f"The {REQUEST}" if file_sources[0].name == REQUEST else file_sources[0].name
        problem = "is empty" if file_sources[0].variants is None else "gives no operation and no prompt"
        message = f"{name} {problem}, and no tag says what is wanted."
    else:
        message = "There is no sidecar, no tag and no folder default that says what is wanted."
    return " ".join([message, *_format_tag_warnings(sources)])


def _to_short_name(name: str) -> str:
    """People write the short form."""
    return "style" if name in ("style_preset", "style_codes") else name
