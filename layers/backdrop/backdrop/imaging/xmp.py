"""The XMP packet of a delivered picture: how AI changed it, and its texts."""

import re
from collections.abc import Mapping

from backdrop.model.composition import PictureTexts

_NO_TEXTS = PictureTexts()

CREATOR_TOOL = "Backdrop"
"""Without a version: a new release must not change the bytes of every picture."""

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: Mapping[str, str] = {
    "replace": f"{VOCABULARY}compositeWithTrainedAlgorithmicMedia",
    "remove": f"{VOCABULARY}algorithmicallyEnhanced",
}
"""The IPTC digital source type of each operation, from the vocabulary of 2024-10-23
(https://cv.iptc.org/newscodes/digitalsourcetype/).

A replaced background is `Edited using Generative AI`: a photo that a generative model corrected or extended, for
example by inpainting. A removed background is `Algorithmically-altered media`: an algorithm that a person used changed
the photo and left its main content unchanged, and every visible pixel is the photo's own. The field is
`DigitalSourceType` of the IPTC Extension (IPTC Photo Metadata Standard 2025.1): one URL of the vocabulary, as plain
text.
"""

_TOOL_PROPERTY = b"CreatorTool"
OWN_TOOL_PATTERN = rf"{_TOOL_PROPERTY.decode()}(?:>|\s{{0,9}}=\s{{0,9}}[\"'])\s{{0,9}}{CREATOR_TOOL}\s{{0,9}}[<\"']"
"""The property as an element, as Backdrop writes it, or as an attribute; the upload page's script uses it, too."""
_OWN_TOOL = re.compile(OWN_TOOL_PATTERN.encode())
_PACKET = """\
<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
{namespaces}>
{properties}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>
"""
_NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
_TEXT_PROPERTIES = {"title": "dc:title", "copyright": "dc:rights", "alt": "Iptc4xmpCore:AltTextAccessibility"}
"""The property of each text: Title, Copyright Notice, and Alt Text (IPTC Photo Metadata Standard 2025.1)."""


def find_source_type(operation: str, source_term: str = "") -> str:
    """Returns the URL of a picture's digital source type: that of `source_term`, or else the operation's.

    Raises `KeyError` for an unknown operation.
    """
    return f"{VOCABULARY}{source_term}" if source_term else SOURCE_TYPES[operation]


def build_xmp_packet(operation: str | None, texts: PictureTexts = _NO_TEXTS, source_term: str = "") -> bytes:
    """Returns the XMP packet (ISO 16684-1) for a picture made by this operation. The bytes are always the same.

    `source_term`: see `find_source_type`. If `operation` is None, the packet does not state how the picture was made,
    only by which tool. Raises `KeyError` for an unknown operation.
    """
    properties = {"xmp:CreatorTool": CREATOR_TOOL}
    if operation:
        properties["Iptc4xmpExt:DigitalSourceType"] = find_source_type(operation, source_term)
    for field, name in _TEXT_PROPERTIES.items():
        if text := getattr(texts, field):
            properties[name] = f'<rdf:Alt><rdf:li xml:lang="x-default">{_escape(text)}</rdf:li></rdf:Alt>'
    prefixes = dict.fromkeys(name.partition(":")[0] for name in properties)
    return _PACKET.format(
        namespaces="\n".join(f'    xmlns:{prefix}="{_NAMESPACES[prefix]}"' for prefix in prefixes),
        properties="\n".join(f"   <{name}>{value}</{name}>" for name, value in properties.items()),
    ).encode()


def is_own_picture(data: bytes) -> bool:
    """Whether a file of any format says that Backdrop made it, also if another tool has written its XMP again."""
    at = data.find(_TOOL_PROPERTY)
    while at >= 0:
        if _OWN_TOOL.match(data, at):
            return True
        at = data.find(_TOOL_PROPERTY, at + 1)
    return False


def _escape(text: str) -> str:
    """Escapes text for XML. The standard library's function would import 2,000 names of characters at a cold start."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
