"""What to do about a refused request: a message cannot be mended, and is heard once."""

import re

from backdrop.core.codes import Code

# How a hint says that nothing else need be done; a request is heard once, and nobody hears it again by itself.
_BY_ITSELF = re.compile(r"(then )?the photo runs (again )?(by itself|when it comes)")
_SEND_AGAIN = "send the request again"


def hint_for_request(code: Code, hint: str) -> str:
    """The hint of a photo that is mended, for somebody whose request was refused: it is sent again."""
    if code is Code.NO_INSTRUCTIONS:
        return f'Say in its instructions what is wanted, such as {{"operation": "remove"}}, and {_SEND_AGAIN}.'
    told = _BY_ITSELF.sub(f"then {_SEND_AGAIN}", hint)
    return told if _SEND_AGAIN in told else f"{told} Then {_SEND_AGAIN}."
