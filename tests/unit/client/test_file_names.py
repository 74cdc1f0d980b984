"""Names of files: one that every file system accepts stays as it is, and any other one is changed."""

import unicodedata

import pytest

from backdrop_client.file_names import MAX_NAME_BYTES, fold_file_name, make_file_name

NFC, NFD = (unicodedata.normalize(form, "étude.png") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "name", ["red.png", "Straße 7 (2).png", "鞄.jpg", NFC, NFD, "a..b.png", "console.png", "com10.x"]
)
def test_name_that_all_file_systems_accept_is_kept(name: str) -> None:
    assert make_file_name(name) == name


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("CON", "_CON"),
        ("CON.png", "_CON.png"),
        ("aux .jpg", "_aux .jpg"),
        ("COM1.x.png", "_COM1.x.png"),
        ("lpt\u00b2.png", "_lpt\u00b2.png"),
        ("CONIN$.png", "_CONIN$.png"),
        ("red.", "red_"),
        ("red. . ", "red____"),
        ("nul. ", "nul__"),
        ('<>:"|?*\\/.png', "_________.png"),
        ("a\0\t\x7f\x9b\u2028b.png", "a_____b.png"),
        ("Invoice\u202egnp.exe", "Invoice_gnp.exe"),
        (".hidden.png", "_hidden.png"),
        ("..", "__"),
        ("", "_"),
    ],
)
def test_name_that_some_file_system_refuses_is_changed(name: str, changed: str) -> None:
    assert make_file_name(name) == changed


@pytest.mark.parametrize("name", [f"{'n' * 300}.png", f"CON.{'n' * 251}", f"{'ü' * 200}.abcdefg h", f"{'n' * 254}. "])
def test_long_name_is_cut_to_a_name_that_all_file_systems_accept(name: str) -> None:
    cut = make_file_name(name)
    assert len(cut.encode()) <= MAX_NAME_BYTES
    assert make_file_name(cut) == cut


@pytest.mark.parametrize(
    ("one", "other"), [(NFC, NFD), ("Red.png", "rED.PNG"), (NFC.upper(), NFD), ("\u1e9e.png", "ss.png")]
)
def test_names_that_some_file_system_takes_for_one_are_the_same(one: str, other: str) -> None:
    assert one != other
    assert fold_file_name(one) == fold_file_name(other)
