"""The pictures of screens show what stands on a terminal at the end, and nothing that was written over."""

from docs.make_pictures import drawn, shown


def test_what_was_written_over_is_not_shown() -> None:
    assert shown("uploading 1\r\n\x1b[1A\x1b[2Kuploading 2\r\n\x1b[1A\x1b[2Kdone\r\n") == ["done"]


def test_colors_stay() -> None:
    assert shown("\x1b[32mgood\x1b[0m\r\nplain\r\n") == ["\x1b[32mgood\x1b[0m", "plain"]


def test_a_picture_asks_nobody_for_a_font() -> None:
    picture = drawn("backdrop status", ["all is well"])
    assert "all" in picture
    assert "url(http" not in picture
