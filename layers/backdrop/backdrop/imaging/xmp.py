"""The XMP packet in every delivered picture, which marks it as changed by AI."""

from collections.abc import Mapping

CREATOR_TOOL = "Backdrop"
"""Without a version: a new release must not change the bytes of every picture."""

SOURCE_TYPES: Mapping[str, str] = {
    "replace": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
    "remove": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced",
}
"""The IPTC digital source type of each operation, from the vocabulary of 2024-10-23
(https://cv.iptc.org/newscodes/digitalsourcetype/).

A replaced background is `Edited using Generative AI`: a photo that a generative model corrected or extended, for
example by inpainting. A removed background is `Algorithmically-altered media`: an algorithm that a person used changed
the photo and left its main content unchanged, and every visible pixel is the photo's own. The field is
`DigitalSourceType` of the IPTC Extension (IPTC Photo Metadata Standard 2025.1): one URL of the vocabulary, as plain
text.
"""

_PACKET = """\
<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
   <Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>
"""


def build_xmp_packet(operation: str) -> bytes:
    """Returns the XMP packet (ISO 16684-1) for a picture made by this operation. The bytes are always the same.

    Raises `KeyError` for an unknown operation.
    """
    return _PACKET.format(tool=CREATOR_TOOL, source_type=SOURCE_TYPES[operation]).encode()
