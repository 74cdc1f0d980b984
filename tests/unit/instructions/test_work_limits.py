"""Whatever a legal sidecar contains, resolving it takes at most a second of CPU time."""

import json
from collections.abc import Mapping
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backdrop.instructions.fill import fill_templates
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.merge import list_variants, merge_instructions
from backdrop.instructions.sources import parse_file
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError

MAX_CPU_SECONDS = 1
LONG_VALUE = {"a": "y" * 8000}
# Each mark sorts before all marks of the other kind, which makes normalizing slow.
MARKS = "\u0301" * 2000 + "\u0323" * 2000
DISTINCT = "".join(map(chr, range(0x4E00, 0x4E00 + 2400)))


def resolve(sidecar: Mapping[str, Any] | bytes) -> list[InstructionError]:
    """Returns the errors of a sidecar with all its variants filled, and checks how long that takes."""
    data = sidecar if isinstance(sidecar, bytes) else json.dumps(sidecar, ensure_ascii=False).encode()
    assert len(data) <= MAX_SIDECAR_BYTES
    begun = process_time()
    source = parse_file("red.jpg.json", data)
    errors = [*source.errors]
    for variant in list_variants([source]):
        instructions = merge_instructions([source], variant)
        errors += fill_templates(instructions, variant, "photos", "shoes/red.jpg")[1]
    assert process_time() - begun < MAX_CPU_SECONDS
    return errors


def build_variants(count: int = 20) -> dict[str, Any]:
    return {f"v{n}": {"seed": n} for n in range(count)}


def build_outputs(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": f"o{n}", **fields} for n in range(10)]


BOMBS: Mapping[str, Mapping[str, Any] | bytes] = {
    "prompt": {"prompt": "{a}" * 14_000, "metadata": LONG_VALUE, "variants": build_variants()},
    "prompt within the limit of placeholders": {"prompt": "{a}" * 100, "metadata": LONG_VALUE},
    "negative prompt": {"prompt": "x", "negative_prompt": "{a}" * 6000, "metadata": LONG_VALUE},
    "alt of each output": {
        "prompt": "x", "metadata": LONG_VALUE, "variants": build_variants(), "output": build_outputs(alt="{a}" * 100)
    },
    "names": {
        "prompt": "x",
        "metadata": LONG_VALUE,
        "variants": build_variants(),
        "output": build_outputs(name_template="{a}" * 100 + ".png"),
    },
    "literal braces": {"prompt": "{{" * 30_000, "variants": build_variants()},
    "long name": {"prompt": "x", "output": {"name_template": "a/" * 20_000 + "{stem}.png"}},
    "combining marks": {"prompt": MARKS * 7},
    "combining marks in metadata": {"prompt": "{a}{a}", "metadata": {"a": MARKS[:4000]}, "variants": build_variants()},
    "combining marks in names": {
        "prompt": "x",
        "metadata": {"a": MARKS[1500:2500]},
        "variants": build_variants(),
        "output": build_outputs(name_template="{a}.png"),
    },
    "unknown placeholders": {
        "prompt": "{zzzz}",
        "metadata": {f"zz{n:03}": 1 for n in range(700)},
        "variants": {f"v{n}": {"output": build_outputs(alt=f"{{zz{n:02}a}}", title="{zzzzz}")} for n in range(20)},
    },
    "a long unknown placeholder": {
        "prompt": f"{{{DISTINCT}}}", "metadata": {DISTINCT[::-1]: 1}, "variants": build_variants()
    },
    "unknown fields": {f"f{n}": 1 for n in range(5000)},
    "repeated keys": b"{" + b",".join(b'"k%d":1,"k%d":1' % (n, n) for n in range(3000)) + b"}",
}  # fmt: skip


@pytest.mark.parametrize("sidecar", BOMBS.values(), ids=BOMBS.keys())
def test_small_file_cannot_request_hours_of_work(sidecar: Mapping[str, Any] | bytes) -> None:
    errors = resolve(sidecar)
    assert errors
    assert {one.code for one in errors} <= {
        Code.INVALID_VALUE, Code.UNKNOWN_PLACEHOLDER, Code.UNKNOWN_FIELD, Code.SIDECAR_NOT_JSON
    }  # fmt: skip


@pytest.mark.parametrize(
    "sidecar",
    [
        {"prompt": "{a}" * 100, "metadata": {"a": "y" * 100}},
        {"prompt": "x" * 9_997 + "{a}", "metadata": {"a": "yyy"}},
        {"prompt": "x", "alt": "{a}" * 2, "metadata": {"a": "e\u0301" * 500}},
        {"prompt": "{a}", "metadata": {"a": "e" + "\u0301" * 30}},
    ],
    ids=["100 placeholders", "10,000 characters", "1,000 characters in their normal form", "30 marks"],
)
def test_text_of_exactly_the_limit_is_filled(sidecar: Mapping[str, Any]) -> None:
    assert resolve(sidecar) == []


def repeat(parts: list[str], times: int) -> str:
    return "".join(parts) * times


def build_equal_outputs(fields: dict[str, str]) -> list[dict[str, Any]]:
    return build_outputs(**fields)


BLOCKS = st.sampled_from(
    ["x", "é", "e\u0301", "\u0323\u0301", "{{", "}}", "{a}", "{b}", "{stem}", "{c}", " ", "/", "."]
)
TEXTS = st.builds(repeat, st.lists(BLOCKS, min_size=1, max_size=6), st.integers(1, 5000))
FIELDS = st.fixed_dictionaries({}, optional={name: TEXTS for name in ("alt", "title", "copyright", "name_template")})
SIDECARS = st.fixed_dictionaries(
    {"prompt": TEXTS, "metadata": st.fixed_dictionaries({"a": TEXTS, "b": TEXTS})},
    optional={
        "negative_prompt": TEXTS,
        "variants": st.builds(build_variants, st.integers(1, 20)),
        "output": st.builds(build_equal_outputs, FIELDS),
    },
)


@settings(max_examples=150, deadline=None)
@given(SIDECARS.filter(lambda one: len(json.dumps(one, ensure_ascii=False).encode()) <= MAX_SIDECAR_BYTES))
def test_any_legal_sidecar_resolves_within_a_second(sidecar: Mapping[str, Any]) -> None:
    resolve(sidecar)
