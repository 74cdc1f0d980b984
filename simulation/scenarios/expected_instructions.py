"""What the instructions of a photo mean, computed independently of the product's code."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from simulation.invariants.resolutions import Resolution
from simulation.scenarios.sample_instructions import SAMPLES, SampleInstructions

INSEPARABLE_FIELDS = frozenset({"operation", "prompt"})
REPLACE_ONLY_FIELDS = frozenset({"prompt", "num_images", "rendering_speed"})
# From the providers' own pages, not from the product's table of capabilities.
REMOVING_PROVIDERS = frozenset({"ideogram"})
SINGLE_IMAGE_PROVIDERS = frozenset({"segmind"})
DEFAULT_PROVIDER = "ideogram"
# Less than any new background costs, and as much as a removed background costs.
INSUFFICIENT_COST_USD = 0.01


@dataclass(frozen=True)
class InstructionLayers:
    """The instructions that apply to a photo, as names of samples; an empty name stands for none.

    `defaults`: those of the photo's own folder first. `is_photo`: whether the file is a photo.
    """

    request: str = ""
    sidecar: str = ""
    tags: str = ""
    defaults: tuple[str, ...] = ()
    is_photo: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether the photo need not wait for more instructions."""
        return bool(self.request or self.sidecar or self.tags)


@cache
def resolve_expected(layers: InstructionLayers, *, paid: bool = False) -> Resolution:
    """Returns the instructions by variant, and the codes of refused variants.

    `paid`: everything is paid already, so that no limit applies.
    """
    own_samples = [SAMPLES[name] for name in (layers.request, layers.sidecar, layers.tags) if name]
    inherited_samples = [SAMPLES[name] for name in layers.defaults if name]
    error_codes = {code for sample in own_samples for code in sample.error_codes}
    if not layers.is_photo:
        error_codes.add("not_a_photo")
    is_blocked = layers.is_photo and any(sample.error_codes for sample in inherited_samples)
    if error_codes or is_blocked:
        return Resolution({}, frozenset(("", code) for code in error_codes), is_blocked)
    return _merge([*own_samples, *inherited_samples], paid=paid)


def _merge(samples: Sequence[SampleInstructions], *, paid: bool) -> Resolution:
    jobs: dict[str, Mapping[str, Any]] = {}
    codes: set[tuple[str, str]] = set()
    variant_names: list[str] = next(
        (list(sample.fields["variants"]) for sample in samples if "variants" in sample.fields), [""]
    )
    for variant in variant_names:
        fields = _merge_variant(samples, variant)
        refusals = _list_refusals(fields, paid=paid)
        codes |= {(variant, code) for code in refusals}
        if not refusals:
            jobs[variant] = fields
    return Resolution(jobs, frozenset(codes))


def _merge_variant(samples: Sequence[SampleInstructions], variant: str) -> dict[str, Any]:
    """Takes each field from the first layer that has it; an operation and its prompt come from the same layer."""
    fields: dict[str, Any] = {}
    for layer in _list_layers(samples, variant):
        is_decided = bool(INSEPARABLE_FIELDS & fields.keys())
        new_fields = {name: value for name, value in layer.items() if not (is_decided and name in INSEPARABLE_FIELDS)}
        fields = new_fields | fields
    if fields.get("operation") == "remove":
        fields = {name: value for name, value in fields.items() if name not in REPLACE_ONLY_FIELDS}
    return fields


def _list_layers(samples: Sequence[SampleInstructions], variant: str) -> Iterator[dict[str, Any]]:
    for sample in samples:
        top = {name: value for name, value in sample.fields.items() if name != "variants"}
        inside = sample.fields.get("variants", {}).get(variant)
        for layer in ([] if inside is None else [inside]) + [top]:
            yield layer | ({"operation": "replace"} if "prompt" in layer else {})


def _list_refusals(fields: Mapping[str, Any], *, paid: bool) -> set[str]:
    if "operation" not in fields:
        return {"no_instructions"}
    is_replacement = fields["operation"] == "replace"
    is_too_expensive = is_replacement and fields.get("max_cost_usd") == INSUFFICIENT_COST_USD and not paid
    provider_names = fields.get("provider", DEFAULT_PROVIDER)
    is_expressible = any(
        _can_express(name, fields) for name in ([provider_names] if isinstance(provider_names, str) else provider_names)
    )
    return ({"max_cost_exceeded"} if is_too_expensive else set()) | (set() if is_expressible else {"not_expressible"})


def _can_express(provider: str, fields: Mapping[str, Any]) -> bool:
    if fields["operation"] == "remove":
        return provider in REMOVING_PROVIDERS
    return fields.get("num_images", 1) == 1 or provider not in SINGLE_IMAGE_PROVIDERS
