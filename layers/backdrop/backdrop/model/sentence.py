"""Text for people. Code decides by codes and fields, so such text can be shown and composed, but not compared."""

from typing import TYPE_CHECKING, Any, ClassVar, final

if TYPE_CHECKING:
    from warnings import deprecated

    from pydantic_core import CoreSchema


@final
class Sentence:
    """Text for people: one sentence or several.

    `str()` and f-strings render it at the edges: in receipts, reports, terminals, and logs. The type checker rejects
    `==`, `in`, searching, and ordering. What it cannot see raises TypeError: a comparison with a `str` on the left, a
    hash (a key of a dict or set), or an `if`. Records that contain sentences can be compared as a whole.
    """

    __slots__ = ("_text",)

    def __init__(self, text: "str | Sentence") -> None:
        self._text = str(text)

    def __str__(self) -> str:
        return self._text

    def __format__(self, spec: str) -> str:
        return format(self._text, spec)

    def __repr__(self) -> str:
        return repr(self._text)

    def truncate(self, length: int) -> "Sentence":
        return Sentence(self._text[:length])

    @property
    def clause(self) -> "Sentence":
        """The sentence without its final period, for use inside a longer one."""
        return Sentence(self._text.rstrip("."))

    @property
    def closed(self) -> "Sentence":
        """The text with a final period, unless it ends as a sentence does."""
        return Sentence(self._text if self._text.endswith((".", "?", "!")) else f"{self._text}.")

    if TYPE_CHECKING:
        __hash__: ClassVar[None]

        @deprecated("Text for people must not be compared: compare codes or fields.")
        def __eq__(self, other: object) -> bool: ...

        @deprecated("Text for people must not be compared: compare codes or fields.")
        def __ne__(self, other: object) -> bool: ...

    else:
        __hash__ = None

        def __eq__(self, other: object) -> bool:
            if isinstance(other, str):
                raise TypeError("text for people must not be compared: compare codes or fields")
            return isinstance(other, Sentence) and self._text == other._text

        def __bool__(self) -> bool:
            raise TypeError("text for people must not be tested: use None for no text, and test for None")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> "CoreSchema":
        """Serializes as a JSON string."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            _from_json, serialization=core_schema.to_string_ser_schema()
        )


def _from_json(value: object) -> Sentence:
    if not isinstance(value, str | Sentence):
        raise ValueError("not a string")
    return Sentence(value)
