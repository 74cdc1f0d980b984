"""What an operator can choose in how a provider is spoken to; the defaults are what the provider advises."""

from dataclasses import dataclass
from enum import StrEnum


class SegmindEndpoint(StrEnum):
    """Segmind's two: v2 names the work and is asked about it, v1 answers with the picture itself."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True)
class ProviderOptions:
    """`runware_uploads`: Runware writes a single picture to us itself. `runware_checks_content`: it looks at it too."""

    segmind_endpoint: SegmindEndpoint = SegmindEndpoint.V2
    runware_uploads: bool = False
    runware_checks_content: bool = False
