"""The stand-in's pure rules: which calls a fault affects, amounts of money, and what is kept."""

import asyncio
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from starlette.requests import Request
from starlette.types import Message

from backdrop_local.standin.bill import Bill, PurchaseOrder, format_dollars, hash_content, parse_micro_dollars
from backdrop_local.standin.faults import FaultRule, FaultRules, FaultTarget, Phase
from backdrop_local.standin.multipart import FormPart, MalformedFormError, read_parts
from backdrop_local.standin.picture_store import BytesCache, PictureSpec, PictureStore
from backdrop_local.standin.slots import Slots

CALL = FaultTarget(provider="ideogram", routes=("replace-background",), key="k1", prompt="a beach")
ORDER = PurchaseOrder(
    key="k1",
    label="…k1",
    account="a",
    provider="ideogram",
    route="replace-background",
    fingerprint=hash_content({"prompt": "p"}),
    prompt="p",
    client_hint="",
    speed="DEFAULT",
    image_count=2,
    unit_micro_usd=60_000,
)


def rule(**fields: object) -> FaultRule:
    return FaultRule.model_validate({"fault": "accept_then_drop", **fields})


def list_hits(*rules: FaultRule, calls: int = 10, seed: int = 1) -> list[int]:
    """Returns the numbers of the calls, from 1, that a fault affects."""
    fault_rules = FaultRules(seed)
    for one in rules:
        fault_rules.add(one)
    return [n for n in range(1, calls + 1) if fault_rules.find_hit(CALL, Phase.RUN)]


@pytest.mark.parametrize(
    ("fields", "expected_hits"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ({"times": 2}, [1, 2]),
        ({"times": 0, "nth": 9}, [9, 10]),
        ({"nth": 3}, [3]),
        ({"nth": 3, "every": 0, "times": 1}, [3]),
        ({"nth": 3, "times": 2}, [3, 4]),
        ({"every": 4}, [1, 5, 9]),
        ({"nth": 2, "every": 3, "times": 2}, [2, 5]),
        ({"probability": 0}, []),
    ],
)
def test_rule_affects_calls_by_count(fields: dict[str, Any], expected_hits: list[int]) -> None:
    assert list_hits(rule(**fields)) == expected_hits


def test_probability_depends_only_on_the_seed() -> None:
    half = rule(probability=0.5)
    first = list_hits(half, calls=200)
    assert first == list_hits(half, calls=200)
    assert first != list_hits(half, calls=200, seed=2)
    assert 70 < len(first) < 130


def test_first_matching_rule_hides_later_ones() -> None:
    fault_rules = FaultRules(1)
    for one in (rule(times=1), rule(fault="slow", nth=2)):
        fault_rules.add(one)
    hits = [fault_rules.find_hit(CALL, Phase.RUN) for _ in range(3)]
    assert [hit and hit.rule.fault for hit in hits] == ["accept_then_drop", None, "slow"]


@pytest.mark.parametrize(
    ("fields", "phase"),
    [
        ({"fault": "drop_before_read"}, Phase.ARRIVAL),
        ({"fault": "status"}, Phase.GATE),
        ({"fault": "status", "args": {"after_run": True}}, Phase.RUN),
        ({"fault": "html_error", "args": {"billed": True}}, Phase.RUN),
        ({"fault": "status", "route": "cdn"}, Phase.DOWNLOAD),
        ({"fault": "truncated", "route": "replace-background"}, Phase.DOWNLOAD),
        ({"fault": "unsafe"}, Phase.RUN),
    ],
)
def test_each_rule_has_one_phase(fields: dict[str, Any], phase: Phase) -> None:
    assert rule(**fields).phase is phase


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({"provider": "segmind"}, False),
        ({"route": "remove-background"}, False),
        ({"route": "/v1/ideogram-v3/replace-background"}, True),
        ({"route": "replace"}, True),
        ({"key": "k2"}, False),
        ({"key": "k?"}, True),
        ({"prompt_regex": "beach$"}, True),
        ({"prompt_regex": "^beach"}, False),
    ],
)
def test_rule_matches_what_it_names(fields: dict[str, Any], matches: bool) -> None:
    assert bool(list_hits(rule(**fields))) is matches


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0.00"), (60_000, "0.06"), (37_500, "0.0375"), (1_234_567_890, "1234.56789")],
)
def test_dollars_convert_exactly_in_both_directions(micro: int, text: str) -> None:
    assert (format_dollars(micro), parse_micro_dollars(text)) == (text, micro)


@pytest.mark.parametrize("text", ["", "x", "-1", "0.0000001", "NaN", "Infinity"])
def test_invalid_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|whole"):
        parse_micro_dollars(text)


def test_ids_of_equal_work_do_not_depend_on_other_work() -> None:
    quiet, busy = Bill(seed=1), Bill(seed=1)
    other = replace(ORDER, fingerprint="other")

    def accept(bill: Bill, order: PurchaseOrder) -> str:
        return bill.accept(order, produced=2, unsafe=0, billed_images=2, at=0.0).id

    first, second = accept(quiet, ORDER), accept(quiet, ORDER)
    found = [accept(busy, order) for order in (other, ORDER, other, ORDER)]
    assert (found[1], found[3]) == (first, second)
    assert len(set(found)) == 4


def test_slots_above_the_limit_are_refused_and_recorded() -> None:
    slots, account = Slots(), ("ideogram", "a")
    taken = [slots.take(account, limit=2, at=float(n)) for n in range(3)]
    slots.release(account, at=3.0)
    lane = slots.find_account(account)
    assert taken == [True, True, False]
    assert (lane.held, lane.peak, lane.refused, list(lane.refusals)) == (1, 2, 1, [2.0])
    assert list(lane.history) == [(0.0, 1), (1.0, 2), (3.0, 1)]


def test_slot_that_is_not_in_use_cannot_be_released() -> None:
    with pytest.raises(ValueError, match="holds too few slots"):
        Slots().release(("ideogram", "a"), at=0.0)


def test_cache_keeps_recently_used_pictures_within_its_size() -> None:
    cache = BytesCache(max_bytes=10)
    cache.put("a", bytes(4))
    cache.put("b", bytes(4))
    assert cache.get("a")
    cache.put("c", bytes(4))
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (bytes(4), None, bytes(4))
    cache.put("a", bytes(10))
    assert (cache.get("c"), cache.get("a")) == (None, bytes(10))


def test_discarded_picture_is_painted_identically() -> None:
    encoded = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(encoded, "JPEG")
    photo = encoded.getvalue()

    async def twice() -> tuple[bytes, bytes | None, bytes | None]:
        gallery = PictureStore(max_bytes=len(photo))
        one = PictureSpec(ident="0" * 16, photo_sha="x", prompt="p", style=None, seed=1, prepared=True)
        painted = await gallery.draw(one, photo)
        return painted.content, await gallery.read_content("0" * 16), await gallery.read_content("1" * 16)

    painted, again, unknown = asyncio.run(twice())
    assert painted == again
    assert unknown is None


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
    b'--B\r\nContent-Disposition: form-data; name="a"; filename="\xc3\xbc.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\r\n--A\r\n\r\n--B--\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_form_can_be_parsed_in_pieces_of_any_size(size: int) -> None:
    pieces = [FORM[start : start + size] for start in range(0, len(FORM), size)]
    assert asyncio.run(read(pieces)) == [
        FormPart("a", None, None, b"one"),
        FormPart("a", "ü.png", "image/png", b"\r\n--A\r\n"),
    ]


@pytest.mark.parametrize("cut", [FORM[:-8], FORM[:40], b"", FORM.replace(b'; name="a"', b"")])
def test_incomplete_form_is_malformed(cut: bytes) -> None:
    with pytest.raises(MalformedFormError):
        asyncio.run(read([cut]))


async def read(pieces: list[bytes]) -> list[FormPart]:
    """Returns the parts of a form that arrives in these pieces."""

    waiting = list(pieces)

    async def receive() -> Message:
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    headers = [(b"content-type", b"multipart/form-data; boundary=B")]
    scope = {"type": "http", "method": "POST", "headers": headers}
    return await read_parts(Request(scope, receive), max_bytes=10_000)
