"""What a picture states about its origin, read with an XML parser, as any XMP reader does."""

from xml.parsers.expat import ParserCreate

import pytest

from backdrop.imaging.xmp import build_xmp_packet

CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def read_properties(packet: bytes) -> dict[str, str]:
    """Returns the text of each element by its namespace and name."""
    found: dict[str, str] = {}
    names: list[str] = []
    parser = ParserCreate(namespace_separator="|")
    parser.StartElementHandler = lambda name, _attributes: names.append(name)
    parser.EndElementHandler = lambda _name: names.pop()

    def read_text(text: str) -> None:
        if text.strip():
            found[names[-1]] = found.get(names[-1], "") + text

    parser.CharacterDataHandler = read_text
    parser.Parse(packet, True)
    assert not names
    return found


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        pytest.param("replace", "compositeWithTrainedAlgorithmicMedia", id="a-new-background-is-generated"),
        pytest.param("remove", "algorithmicallyEnhanced", id="a-removed-one-generates-nothing"),
    ],
)
def test_picture_states_how_ai_changed_it(operation: str, code: str) -> None:
    assert read_properties(build_xmp_packet(operation)) == {
        "http://ns.adobe.com/xap/1.0/|CreatorTool": "Backdrop",
        "http://iptc.org/std/Iptc4xmpExt/2008-02-29/|DigitalSourceType": CODES + code,
    }


def test_packet_has_the_wrapper_that_scanners_expect() -> None:
    packet = build_xmp_packet("replace")

    assert packet.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode())
    assert packet.rstrip().endswith(b'<?xpacket end="r"?>')


def test_unknown_operation_is_an_error() -> None:
    with pytest.raises(KeyError):
        build_xmp_packet("paint")
