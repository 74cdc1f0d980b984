"""The demo uploads what it promises, accepts the user's own photos, and shows the correct price."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from backdrop.model.capabilities import PROVIDERS
from backdrop.model.routing import Offers
from backdrop_cli.demo.demo_quote import confirm_cost, quote_order, read_instructions
from backdrop_local.demo_orders import (
    DEFAULT_INSTRUCTIONS,
    MAX_OWN_PHOTOS,
    DemoOrder,
    build_demo_orders,
    read_own_orders,
)
from backdrop_local.errors import LocalCloudError
from tests.simulated.command_user import Terminal

REAL = {"IdeogramBaseUrl": "https://images.example"}


ALL = Offers(PROVIDERS, {"1min": 50_000})


def silent_console() -> Console:
    return Console(quiet=True)


def write(folder: Path, name: str, data: bytes = b"bytes") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_demo_shows_every_kind_of_instructions_on_four_subjects() -> None:
    orders = build_demo_orders()
    fields = [read_instructions(order).fields for order in orders if not order.expects_refusal]
    assert len({order.data for order in orders if not order.expects_refusal}) >= 4
    assert sum(quote_order(order, "ideogram", ALL)[0] for order in orders) >= 8
    assert {field["operation"] for field in fields} == {"replace", "remove"}
    assert any("style_preset" in field for field in fields)
    assert any("style_codes" in field for field in fields)
    assert any(field.get("num_images", 1) > 1 for field in fields)
    assert any(order.tags for order in orders)
    assert any(order.sidecar for order in orders)


def test_demo_orders_have_no_errors() -> None:
    assert [read_instructions(order).errors for order in build_demo_orders()] == [()] * len(build_demo_orders())


def test_every_photo_of_the_demo_is_credited() -> None:
    assert all(order.credit for order in build_demo_orders() if not order.expects_refusal)


def test_own_photo_keeps_its_sidecar_or_gets_the_default(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    write(tmp_path, "a.jpg.json", b'{"operation": "remove"}')
    write(tmp_path, "deep/b.PNG")
    write(tmp_path, "deep/b.json", b'{"prompt": "on the moon"}')
    write(tmp_path, "plain.webp")
    own = read_own_orders(tmp_path)
    assert [(order.name, order.sidecar_name) for order in own.orders] == [
        ("a.jpg", "a.jpg.json"),
        ("deep/b.PNG", "deep/b.json"),
        ("plain.webp", "plain.webp.json"),
    ]
    prompts = [read_instructions(order).fields.get("prompt") for order in own.orders]
    assert prompts == [None, "on the moon", DEFAULT_INSTRUCTIONS["prompt"]]
    assert own.without_instructions == ("plain.webp",)


def test_first_own_photos_are_used_and_the_rest_are_counted(tmp_path: Path) -> None:
    for number in range(MAX_OWN_PHOTOS + 3):
        write(tmp_path, f"{number:02}.jpg")
    own = read_own_orders(tmp_path)
    assert (len(own.orders), own.omitted_count) == (MAX_OWN_PHOTOS, 3)


def test_hidden_files_and_other_files_are_not_uploaded(tmp_path: Path) -> None:
    for name in (".cache/a.jpg", ".b.jpg", "_backdrop/c.jpg", "notes.txt", "d.jpg"):
        write(tmp_path, name)
    assert [order.name for order in read_own_orders(tmp_path).orders] == ["d.jpg"]


@pytest.mark.parametrize(
    ("name", "why"), [("missing", "does not exist"), ("file", "is a file"), ("", "no photo found in")]
)
def test_unusable_folder_is_explained(tmp_path: Path, name: str, why: str) -> None:
    write(tmp_path, "file")
    with pytest.raises(LocalCloudError, match=why):
        read_own_orders(tmp_path / name)


def test_price_counts_every_picture_except_refused_ones() -> None:
    assert quote_order(DemoOrder("a.jpg", b"", b'{"prompt": "x", "num_images": 3}', "a.jpg.json"), "ideogram", ALL) == (
        3,
        180_000,
    )
    assert quote_order(DemoOrder("a.jpg", b"", tags={"operation": "remove"}), "ideogram", ALL) == (1, 10_000)
    assert quote_order(DemoOrder("a.jpg", b"", b'{"promt": "x"}', "a.jpg.json"), "ideogram", ALL) == (0, 0)
    assert quote_order(DemoOrder("a.jpg", b"", b"{}", "a.jpg.json"), "ideogram", ALL) == (0, 0)


def test_stand_in_needs_no_confirmation() -> None:
    confirm_cost(build_demo_orders(), {}, silent_console())


def test_without_a_terminal_only_yes_allows_purchases(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalCloudError, match="YES=1"):
        confirm_cost(build_demo_orders(), REAL, silent_console())
    monkeypatch.setenv("YES", "1")
    confirm_cost(build_demo_orders(), REAL, silent_console())


@pytest.mark.parametrize(("typed", "is_confirmed"), [("y\n", True), ("n\n", False), ("", False)])
def test_demo_buys_only_after_the_answer_yes(typed: str, is_confirmed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    expected = nullcontext() if is_confirmed else pytest.raises(LocalCloudError, match="nothing was started")
    with expected:
        confirm_cost(build_demo_orders(), REAL, silent_console())


def test_price_is_printed_before_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LocalCloudError):
        confirm_cost(build_demo_orders(), REAL, Console())
    assert "12 from 15 files, for at most $0.52" in capsys.readouterr().out


def test_only_providers_with_a_key_are_confirmed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMIND_API_KEY", "their-own")
    with pytest.raises(LocalCloudError):
        confirm_cost(build_demo_orders(), {}, Console())
    output = capsys.readouterr().out
    assert "The images are made by https://api.segmind.com: 1 from 15 files, for at most $0.075" in output
    assert "photos are sent inside the request" in output
