"""The memory page and the bench's exit code show where a photo takes more than its stage may use."""

from pathlib import Path

import pytest

from bench import memory, pass_through
from bench.pass_through import MAX_MILLISECONDS, PassThroughRow
from bench.peak_memory import MEGABYTE, MemoryFigure, find_exit_code, read_peak_megabytes

FIGURE = MemoryFigure("a photo", "10.0 MB in", 99.6, 512, 1.26)
OVER = MemoryFigure("another", "1.0 MB in", 513.4, 512, 1)
UNLIMITED = MemoryFigure("a huge one", "", 2_000, None, 1)
PASSED = PassThroughRow("JPEG", 9.9, 4.0, 2.0, 5.0)


def test_each_photo_has_a_row_and_an_excess_is_bold() -> None:
    page = memory.format_page({"intake": [FIGURE, OVER]}, [PASSED])
    assert "| intake | a photo | 100 | 512 | 1.3 | 10.0 MB in |" in page
    assert "| intake | another | **513** | 512 | 1.0 | 1.0 MB in |" in page
    assert "| JPEG | 9.9 | 4.0 | 2.0 | 5.0 |" in page


@pytest.mark.parametrize(
    ("figures", "code"), [([FIGURE], 0), ([FIGURE, OVER], 1), ([OVER, FIGURE], 1), ([UNLIMITED], 0)]
)
def test_excess_sets_the_exit_code(figures: list[MemoryFigure], code: int) -> None:
    assert find_exit_code(figures) == code


@pytest.mark.parametrize(
    ("figure", "milliseconds", "code"),
    [(FIGURE, 1, 0), (OVER, 1, 1), (FIGURE, MAX_MILLISECONDS + 1, 1)],
    ids=["within", "memory", "time"],
)
def test_page_is_written_with_or_without_an_excess(
    figure: MemoryFigure, milliseconds: int, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "memory.md"
    monkeypatch.setattr(memory, "PAGE", page)
    monkeypatch.setattr(memory, "STAGES", {"intake": lambda: iter([figure])})
    monkeypatch.setattr(pass_through, "measure_rows", lambda: iter([PassThroughRow("JPEG", 9, milliseconds, 0, 1)]))
    assert memory.main() == code
    assert figure.photo in page.read_text()


def test_peak_memory_is_counted_in_megabytes() -> None:
    held = bytes(range(256)) * 250_000
    assert 1 < read_peak_megabytes() / (len(held) / MEGABYTE) < 100
