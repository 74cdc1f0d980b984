"""What the instructions of a photo mean, computed independently of the product's code."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from simulation.invariants.output_keys import MARKETPLACE_FORMAT, NAME_FIELD, list_named_keys
from simulation.invariants.resolutions import NAME_TAKEN, Resolution
from simulation.scenarios.sample_instructions import SAMPLES, TEMPLATED_SAMPLES, SampleInstructions

INSEPARABLE_FIELDS = frozenset({"operation", "prompt"})
REPLACE_ONLY_FIELDS = frozenset({"prompt", "num_images", "rendering_speed", "seed", "subject"})
REMOVE_ONLY_FIELDS = frozenset({"shadow", "model"})
TEXT_FIELDS = ("prompt", "alt", "title", "copyright")
PLACEHOLDER = re.compile(r"{(\w+)}")
# From the providers' own pages, not from the product's table of capabilities.
REMOVING_PROVIDERS = frozenset({"ideogram", "runware"})
# It has no other model.
ONLY_REMOVER = {"ideogram": "ideogram"}
SINGLE_IMAGE_PROVIDERS = frozenset({"segmind"})
# They have no FLASH, and no seeds or none below 100.
PROVIDERS_WITHOUT_FLASH_AND_SMALL_SEEDS = frozenset({"segmind", "runware"})
DEFAULT_PROVIDER = "ideogram"
# Less than any new background costs, and as much as a removed background costs.
INSUFFICIENT_COST_USD = 0.01


@dataclass(frozen=True)
class InstructionLayers:
    """The instructions that apply to a photo, as names of samples; an empty name stands for none.

    `defaults`: those of the photo's own folder first. `is_photo`: whether the file is a photo. `key`: the photo's, if
    the meaning of the instructions depends on it.
    """

    request: str = ""
    sidecar: str = ""
    tags: str = ""
    defaults: tuple[str, ...] = ()
    is_photo: bool = True
    key: str = ""

    def for_photo(self, key: str) -> "InstructionLayers":
        """Returns the layers with the photo's key if a template needs it. All others mean the same for every photo."""
        has_templates = TEMPLATED_SAMPLES.intersection((self.request, self.sidecar, self.tags, *self.defaults))
        return replace(self, key=key) if has_templates else self

    @property
    def is_complete(self) -> bool:
        """Whether the photo need not wait for more instructions."""
        return bool(self.request or self.sidecar or self.tags)


@cache
def resolve_expected(
    layers: InstructionLayers, *, paid: bool = False, excluded: frozenset[str] = frozenset()
) -> Resolution:
    """Returns the instructions by variant, and the codes of refused variants.

    `paid`: everything is paid already, so that no limit applies. `excluded`: the variants that a mandate's terms
    exclude. The names of their pictures do not count.
    """
    own_samples = [SAMPLES[name] for name in (layers.request, layers.sidecar, layers.tags) if name]
    inherited_samples = [SAMPLES[name] for name in layers.defaults if name]
    error_codes = {code for sample in own_samples for code in sample.error_codes}
    if not layers.is_photo:
        error_codes.add("not_a_photo")
    is_blocked = layers.is_photo and any(sample.error_codes for sample in inherited_samples)
    if error_codes or is_blocked:
        return Resolution({}, frozenset(("", code) for code in error_codes), is_blocked)
    return _merge([*own_samples, *inherited_samples], layers.key, paid=paid, excluded=excluded)


def _merge(samples: Sequence[SampleInstructions], key: str, *, paid: bool, excluded: Collection[str]) -> Resolution:
    jobs: dict[str, Mapping[str, Any]] = {}
    codes: set[tuple[str, str]] = set()
    variant_names: list[str] = next(
        (list(sample.fields["variants"]) for sample in samples if "variants" in sample.fields), [""]
    )
    for variant in variant_names:
        fields = _merge_variant(samples, variant)
        refusals = _list_refusals(fields, paid=paid)
        if key and "operation" in fields:
            fields, template_codes = _fill_templates(fields, variant, key)
            refusals |= template_codes
        codes |= {(variant, code) for code in refusals}
        if not refusals:
            jobs[variant] = fields
    named = {variant: fields for variant, fields in jobs.items() if variant not in excluded}
    repeated = _list_variants_with_repeated_names(named, key)
    codes |= {(variant, NAME_TAKEN) for variant in repeated}
    return Resolution(
        {variant: fields for variant, fields in jobs.items() if variant not in repeated}, frozenset(codes)
    )


def _list_variants_with_repeated_names(jobs: Mapping[str, Mapping[str, Any]], key: str) -> set[str]:
    """Returns the variants with a picture whose name another picture of the same photo has too."""
    names_by_variant = {variant: [*list_named_keys(key, fields)] for variant, fields in jobs.items()}
    counts = Counter(name for names in names_by_variant.values() for name in names)
    return {variant for variant, names in names_by_variant.items() if any(counts[name] > 1 for name in names)}


def _fill_templates(fields: Mapping[str, Any], variant: str, key: str) -> tuple[dict[str, Any], set[str]]:
    """Returns the fields with filled texts and names, and the codes of those that cannot be filled."""
    folder, _, file = key.rpartition("/")
    values = {name: str(value) for name, value in fields.get("metadata", {}).items()}
    values |= {"stem": file.rpartition(".")[0]} | ({"folder": folder.rpartition("/")[2]} if folder else {})
    filled, codes = dict(fields), set[str]()
    for name in TEXT_FIELDS:
        if name in filled:
            codes |= _find_unknown_placeholders(filled[name], values)
            filled[name] = _fill(filled[name], values)
    outputs = fields.get("output", {})
    named_outputs = list[Mapping[str, Any]]()
    for output in outputs if isinstance(outputs, list) else [outputs]:
        if NAME_FIELD not in output:
            named_outputs.append(output)
            continue
        for marketplace in output.get("for", [None]):
            own_format = output.get("format", MARKETPLACE_FORMAT if marketplace else "png")
            own_values = {"variant": variant, "output": output.get("name", marketplace), "ext": own_format}
            all_values = values | {name: value for name, value in own_values.items() if value} | {"n": "{n}"}
            codes |= _find_unknown_placeholders(output[NAME_FIELD], all_values)
            if fields.get("num_images", 1) > 1 and "{n}" not in output[NAME_FIELD]:
                codes.add("invalid_value")
            new_fields = {NAME_FIELD: _fill(output[NAME_FIELD], all_values)} | (
                {"for": marketplace} if marketplace else {}
            )
            named_outputs.append({**output, **new_fields})
    if "output" in fields:
        filled["output"] = named_outputs if isinstance(outputs, list) or len(named_outputs) > 1 else named_outputs[0]
    return filled, codes


def _find_unknown_placeholders(template: str, values: Mapping[str, str]) -> set[str]:
    return set() if values.keys() >= {*PLACEHOLDER.findall(template)} else {"unknown_placeholder"}


def _fill(template: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def _merge_variant(samples: Sequence[SampleInstructions], variant: str) -> dict[str, Any]:
    """Takes each field from the first layer that has it, and each key of the metadata likewise.

    An operation and its prompt come from the same layer.
    """
    fields: dict[str, Any] = {}
    for layer in _list_layers(samples, variant):
        is_decided = bool(INSEPARABLE_FIELDS & fields.keys())
        new_fields = {name: value for name, value in layer.items() if not (is_decided and name in INSEPARABLE_FIELDS)}
        if "metadata" in fields and "metadata" in new_fields:
            fields["metadata"] = new_fields["metadata"] | fields["metadata"]
        fields = new_fields | fields
    foreign_fields = {"remove": REPLACE_ONLY_FIELDS, "replace": REMOVE_ONLY_FIELDS}.get(fields.get("operation", ""), ())
    return {name: value for name, value in fields.items() if name not in foreign_fields}


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
        model = fields.get("model", "")
        return provider in REMOVING_PROVIDERS and (not model or ONLY_REMOVER.get(provider, model) == model)
    if "seed" in fields or fields.get("rendering_speed") == "FLASH":
        return provider not in PROVIDERS_WITHOUT_FLASH_AND_SMALL_SEEDS
    return fields.get("num_images", 1) == 1 or provider not in SINGLE_IMAGE_PROVIDERS
