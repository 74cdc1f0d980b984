"""IAM's wildcards as AWS matches them: `*` stands for any characters, also for the line break in a key.

The emulator compiles them without DOTALL, and so denies every access to such a key.
"""

import re
from functools import cache


@cache
def compile_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """A policy's pattern, for the emulator's `match`: `*` is any characters, `?` any one."""
    parts = {"*": ".*", "?": "."}
    regex = "".join(parts.get(letter) or re.escape(letter) for letter in pattern)
    return re.compile(rf"{regex}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))
