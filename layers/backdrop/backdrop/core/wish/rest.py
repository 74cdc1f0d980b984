"""What a place with mistakes says all the same: what is right in it, what is in doubt, what else is wrong."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from backdrop.core.output_wish import OutputFields, slips_between, slips_of
from backdrop.core.suggest import nearest
from backdrop.core.wish import MOST_VARIANTS, Variant, Wish
from backdrop.core.wish.values import TWICE

type Steps = tuple[str | int, ...]

LONG_NAMES = {"style": ("style_preset", "style_codes")}
EVERY = frozenset({*Variant.model_fields} - {"style"})
# What an output's rules read that lie beyond the output itself.
_READ_FROM_AFAR = frozenset({"name", "format", "background"})


@dataclass(frozen=True)
class Rest:
    """`doubtful`: by variant, "" for what stands beside them, the fields that may say something else when mended."""

    fields: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]] | None
    doubtful: Mapping[str, frozenset[str]]


def rest_of(given: Mapping[str, Any], wrong: Collection[Steps]) -> Rest | None:
    """What is right where `wrong` are the paths of all mistakes; None where nothing can be said for sure."""
    beside = [steps for steps in wrong if steps[:1] != ("variants",) or len(steps) == 1]
    if () in wrong or "variants" in _meant(given, beside, Wish):
        return None
    named = given.get("variants")
    fields, doubts = _right(given, beside, Wish)
    if named is None:
        return Rest(fields, None, {"": doubts})
    found = {name: _right(one, _below(wrong, ("variants", name)), Variant) for name, one in _objects(named)}
    variants = {name: said for name, (said, _) in found.items()}
    return Rest(fields, variants, {"": doubts, **{name: doubts for name, (_, doubts) in found.items()}})


def also_wrong(given: Mapping[str, Any], wrong: Collection[Steps]) -> Iterator[tuple[Steps, str]]:
    """What fields say against one another where the model says nothing of it, since some of them are wrong."""
    variants = _objects(given.get("variants"))
    if len(variants) > MOST_VARIANTS and ("variants",) not in wrong:
        yield ("variants",), f"there are {len(variants)}; at most {MOST_VARIANTS} can be made"
    yield from _wrong_beside(given, wrong, ())
    for name, one in variants:
        yield from _wrong_beside(one, wrong, ("variants", name))


# -- what is right ----------------------------------------------------------------------------------------------------


def _below(wrong: Collection[Steps], above: Steps) -> list[Steps]:
    """The paths of the mistakes at or in one object, seen from there."""
    return [steps[len(above) :] for steps in wrong if steps[: len(above)] == above]


def _objects(value: object) -> list[tuple[str, Mapping[str, Any]]]:
    """The objects by name; one that is none says nothing."""
    if not isinstance(value, dict):
        return []
    named = cast("dict[str, Any]", value)
    return [(name, cast("dict[str, Any]", one) if isinstance(one, dict) else {}) for name, one in named.items()]


def _meant(given: Mapping[str, Any], wrong: Sequence[Steps], model: type[Variant | OutputFields]) -> set[str]:
    """The fields that wrong and unknown ones may mean: the nearest, or any that is not there."""
    known = list(model.model_fields)
    names = {str(steps[0]) for steps in wrong if steps}
    found = names & {*known}
    for unknown in names - {*known}:
        near = nearest(unknown, known, 0.8)
        found |= ({near} if near else {*known} - {"variants"}) - given.keys()
    return found


def _right(
    given: Mapping[str, Any], wrong: Sequence[Steps], model: type[Variant]
) -> tuple[dict[str, Any], frozenset[str]]:
    """The fields of one object that are right, under their long names, and those in doubt."""
    if () in wrong:
        return {}, EVERY
    meant = _meant(given, wrong, model)
    outputs: list[dict[str, Any]] | None = None
    if "output" in meant and "output" in given:
        outputs = list(_right_outputs(given["output"], _below(wrong, ("output",))))
    kept = {name: value for name, value in given.items() if name in Variant.model_fields and name not in meant}
    try:
        fields = Variant.model_validate(kept).fields()
    except ValidationError:
        return {}, EVERY
    if outputs is not None:
        fields["output"] = outputs
        meant.discard("output")
    return fields, frozenset(long for name in meant for long in LONG_NAMES.get(name, (name,)))


def _right_outputs(said: object, wrong: Sequence[Steps]) -> Iterator[dict[str, Any]]:
    """Of each output what is right, where that is all that anybody beyond it reads."""
    for above, one in _outputs(said):
        inside = _below(wrong, above)
        meant = _meant(one, [steps for steps in inside if steps], OutputFields)
        read = _output(one, meant)
        if read and _READ_FROM_AFAR.isdisjoint(meant):
            yield read.model_dump(exclude_none=True)


def _outputs(said: object) -> list[tuple[Steps, Mapping[str, Any]]]:
    """The objects of the field `output`, each with its path from there."""
    listed = cast("list[object]", said) if isinstance(said, list) else None
    found: list[tuple[Steps, object]] = [((n,), one) for n, one in enumerate(listed or [])]
    found = found if listed is not None else [((), said)]
    return [(steps, cast("dict[str, Any]", one)) for steps, one in found if isinstance(one, dict)]


def _output(one: Mapping[str, Any], without: Collection[str]) -> OutputFields | None:
    """An output's fields but for some; None where nobody looked at it, beyond the end of too long a list."""
    kept = {name: value for name, value in one.items() if name in OutputFields.model_fields and name not in without}
    try:
        return OutputFields.model_validate(kept)
    except ValidationError:
        return None


# -- what is wrong between right fields -------------------------------------------------------------------------------


def _wrong_beside(given: Mapping[str, Any], wrong: Collection[Steps], above: Steps) -> Iterator[tuple[Steps, str]]:
    for name, slips in (("output", _between_outputs), ("color_palette", _palette), ("provider", _providers)):
        below = _below(wrong, (*above, name))
        if any(below) and () not in below:
            yield from ((((*above, name, *steps), words)) for steps, words in slips(given.get(name), below))


def _between_outputs(said: object, wrong: Sequence[Steps]) -> Iterator[tuple[Steps, str]]:
    names: list[str | None] = []
    for above, one in _outputs(said):
        inside = _below(wrong, above)
        meant = _meant(one, [steps for steps in inside if steps], OutputFields)
        read = _output(one, meant)
        slips = slips_of(read, meant) if read and meant and () not in inside else []
        if slips:
            yield above, "; ".join(slips)
        names += [read.name] if read and "name" not in meant else []
    slips = slips_between(names)
    if slips:
        yield (), "; ".join(slips)


def _palette(said: object, wrong: Sequence[Steps]) -> Iterator[tuple[Steps, str]]:
    given = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    if given.get("name") is not None and given.get("members") is not None:
        yield (), "a palette has either a name or members"


def _providers(said: object, wrong: Sequence[Steps]) -> Iterator[tuple[Steps, str]]:
    bad = {steps[0] for steps in wrong if steps}
    listed = cast("list[object]", said) if isinstance(said, list) else []
    names = [str(one).strip().lower() for n, one in enumerate(listed) if n not in bad]
    if len(set(names)) < len(names):
        yield (), TWICE
