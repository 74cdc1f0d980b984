"""IAM's wildcards as AWS matches them: `*` matches any characters, including a line break in a key.

The emulator compiles them without DOTALL, and therefore denies all access to such a key.
"""

import re
from functools import cache


@cache
def compile_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """Compiles a policy's pattern for the emulator's `match`: `*` is any characters, `?` is any one character."""
    parts = {"*": ".*", "?": "."}
    regex = "".join(parts.get(letter) or re.escape(letter) for letter in pattern)
    return re.compile(rf"{regex}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))
