"""From all the places that say something to one set of instructions a variant, with the origin of each value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.instructions.sources import REQUEST, TAGS, Place
from backdrop.model.capabilities import ADDRESSED
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import objections, outputs_of
from backdrop.model.sentence import Sentence

# Fields that exclude or explain one another are inherited together or not at all.
OPERATION = frozenset({"operation", "prompt"})
GROUPS: tuple[frozenset[str], ...] = (
    OPERATION,
    frozenset({"style_preset", "style_codes", "style_type", "style_reference_images"}),
)
# What reaches the provider, and so is part of a job's identity; every other field changes what is done with the result.
ASKED = frozenset({"operation", "provider", *ADDRESSED})
_OPAQUE = "Give the output a background, or another format."


@dataclass(frozen=True)
class Instructions:
    """What is wanted, under long names, and where each value came from."""

    fields: Mapping[str, Any]
    provenance: Mapping[str, str]
    warnings: tuple[JobWarning, ...] = ()

    @property
    def operation(self) -> str:
        return self.fields["operation"]

    @property
    def asked(self) -> dict[str, Any]:
        """What reaches the provider, as given: the part of a job's identity that says what is bought."""
        return {name: value for name, value in self.fields.items() if name in ASKED}

    @property
    def revision(self) -> str | None:
        return self.fields.get("revision")

    def providers(self, default: str) -> tuple[str, ...]:
        """The providers that may do it, in order of preference."""
        given = self.fields.get("provider", default)
        return (given,) if isinstance(given, str) else tuple(given)


def is_complete(places: Sequence[Place]) -> bool:
    """Whether a photo need not wait for more: it has a sidecar, or its tags say what is to be done."""
    return any(place.name != TAGS or place.errors or "operation" in place.fields for place in places)


def variants_of(places: Sequence[Place]) -> tuple[str, ...]:
    """The names of the pictures that are wanted: those of the nearest place that names any, else one without a name."""
    named = next((place.variants for place in places if place.variants is not None), None)
    return tuple(named) if named else ("",)


def resolve(places: Sequence[Place], variant: str = "") -> Instructions:
    """What the places say of one variant (see `merged`); raises InstructionError when that cannot be done."""
    instructions = merged(places, variant)
    for error in mistakes_of(instructions, places, variant):
        raise error
    return instructions


def merged(places: Sequence[Place], variant: str = "") -> Instructions:
    """Merge what the places say of one variant, nearest first; in one place the variant's own word is the nearer.

    The mistakes inside the places are the caller's to report first.
    """
    fields: dict[str, Any] = {}
    provenance: dict[str, str] = {}
    closed = set[str]()
    for place in places:
        for given in place.of(variant):
            taken = {field: value for field, value in given.items() if field not in closed}
            fields |= taken
            provenance |= dict.fromkeys(taken, place.name)
            closed |= set(taken) | _groups_of(taken)
    if fields.get("operation") == "remove":
        fields = {name: value for name, value in fields.items() if name not in ADDRESSED}
    unread = (
        JobWarning(code=WarningCode.TAG_NOT_READ, text=Sentence(words)) for place in places for words in place.warnings
    )
    warnings = (*unread, *_overridden(places, variant))
    sources = {name: provenance[name] for name in fields}
    return Instructions(fields, sources, warnings)


def mistakes_of(found: Instructions, places: Sequence[Place], variant: str) -> list[InstructionError]:
    """What is wrong with merged instructions."""
    mistakes: list[InstructionError] = []
    if "operation" not in found.fields:
        return [InstructionError(Code.NO_INSTRUCTIONS, _nothing_said(places, variant))]
    if found.operation == "replace" and "prompt" not in found.fields:
        mistakes.append(InstructionError(Code.MISSING_PROMPT, _no_prompt(found, places, variant)))
    if objected := objections(found.operation, outputs_of(found.fields)):
        words = f"{found.provenance.get('output', 'output')}: {'; '.join(objected)}"
        mistakes.append(InstructionError(Code.CONFLICTING_FIELDS, words, _OPAQUE))
    return mistakes


def _overridden(places: Sequence[Place], variant: str) -> tuple[JobWarning, ...]:
    """A variant whose picture a nearer place decides: all variants of its folder become the same one."""
    for n, place in enumerate(places):
        if place.variants is not None:
            decided = OPERATION & place.variants.get(variant, {}).keys()
            nearer = [one.name for one in places[:n] if OPERATION & one.fields.keys()] if decided else []
            words = [f"{one} gives one operation or prompt to all variants of {place.name}" for one in nearer[:1]]
            return tuple(JobWarning(code=WarningCode.SAME_VARIANTS, text=Sentence(one)) for one in words)
    return ()


def laid_over(nearer: Mapping[str, Any], farther: Mapping[str, Any]) -> dict[str, Any]:
    """What two sayings of one place come to, under long names: a group is the nearer one's whole, or not its at all."""
    closed = {*nearer, *_groups_of(nearer)}
    return {name: value for name, value in farther.items() if name not in closed} | dict(nearer)


def _groups_of(names: Iterable[str]) -> set[str]:
    return {member for group in GROUPS if group & {*names} for member in group}


def _no_prompt(found: Instructions, places: Sequence[Place], variant: str) -> str:
    """Who asks for a new background, and who has a prompt that is not theirs to take, or nearly one."""
    asks = found.provenance["operation"]
    words = f"{asks}: operation is replace, and there is no prompt."
    other = next((place.name for place in places if any("prompt" in given for given in place.of(variant))), None)
    inherits = f"That of {other} is not inherited: operation and prompt go together." if other else ""
    return " ".join([words, *filter(None, [inherits]), *_near_misses(places)])


def _near_misses(places: Sequence[Place]) -> list[str]:
    """What was perhaps meant by tags that are nearly ours, as sentences."""
    return [f"{miss[:1].upper()}{miss[1:]}" for place in places for miss in place.warnings]


def _nothing_said(places: Sequence[Place], variant: str) -> str:
    """What each place gives instead, and what was perhaps meant by tags that are nearly ours."""
    given = [(place.name, {name for one in place.of(variant) for name in one}) for place in places]
    told = [f"{where} gives {', '.join(sorted(map(_as_written, names)))}" for where, names in given if names]
    silent = [place for place in places if place.name != TAGS]
    if told:
        words = f"{'; '.join(told)}; nothing gives an operation or a prompt."
    elif silent:
        name = f"The {REQUEST}" if silent[0].name == REQUEST else silent[0].name
        gives = "is empty" if silent[0].variants is None else "gives no operation and no prompt"
        words = f"{name} {gives}, and no tag says what is wanted."
    else:
        words = "There is no sidecar, no tag and no folder default that says what is wanted."
    return " ".join([words, *_near_misses(places)])


def _as_written(name: str) -> str:
    """People write the short form."""
    return "style" if name in ("style_preset", "style_codes") else name
