"""What a picture says of its own origin: the XMP packet that tells people and platforms how a machine changed it."""

from collections.abc import Mapping

CREATOR_TOOL = "Backdrop"
"""Without a version: a new release is no reason to write every picture anew."""

SOURCE_TYPES: Mapping[str, str] = {
    "replace": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
    "remove": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced",
}
"""An operation's IPTC digital source type, as its vocabulary of 2024-10-23 defines them
(https://cv.iptc.org/newscodes/digitalsourcetype/).

A replaced background is `Edited using Generative AI`: a photo corrected or extended by a generative model, such as by
inpainting. A removed one is `Algorithmically-altered media`: an algorithm that a person set to work changed it and left
its main content alone; every pixel that is seen is the photo's own. The field is IPTC Extension's `DigitalSourceType`
(IPTC Photo Metadata Standard 2025.1), one address of the vocabulary as plain text.
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
    """The XMP packet (ISO 16684-1) of a picture that this operation made; the same bytes each time.

    Raises `KeyError` for an operation that is none.
    """
    return _PACKET.format(tool=CREATOR_TOOL, source_type=SOURCE_TYPES[operation]).encode()
