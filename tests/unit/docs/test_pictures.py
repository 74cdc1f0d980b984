"""Pictures of screens show a terminal's final content, and nothing that was overwritten."""

from docs.make_pictures import draw_screen, render_terminal


def test_overwritten_text_is_not_in_the_picture() -> None:
    assert render_terminal("uploading 1\r\n\x1b[1A\x1b[2Kuploading 2\r\n\x1b[1A\x1b[2Kdone\r\n") == ["done"]


def test_colors_are_kept_in_the_picture() -> None:
    assert render_terminal("\x1b[32mgood\x1b[0m\r\nplain\r\n") == ["\x1b[32mgood\x1b[0m", "plain"]


def test_picture_loads_no_external_font() -> None:
    picture = draw_screen("backdrop status", ["all is well"])
    assert "all" in picture
    assert "@font-face" not in picture
    assert 'url("http' not in picture
