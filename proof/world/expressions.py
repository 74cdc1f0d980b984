"""DynamoDB's expressions, as far as the product sends them: what is not known here is refused, never guessed.

Grammar and behavior: Amazon DynamoDB Developer Guide, "Condition and filter expressions", "Update expressions".
Items are maps of attribute name to typed value, `{"rev": {"N": "3"}}`.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Item = Mapping[str, dict[str, Any]]

# The words among our own that DynamoDB reserves (Developer Guide, "Reserved words").
RESERVED = frozenset(
    {"bucket", "data", "hash", "key", "name", "owner", "source", "state", "status", "time", "token", "total", "ttl"}
    | {"unknown", "value", "values"}
)
_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ExpressionError(Exception):
    """DynamoDB would answer ValidationException, or the imitation does not know the words."""


@dataclass
class Words:
    """The tokens of one expression and the placeholders that it may use."""

    text: str
    names: Mapping[str, str]
    values: Mapping[str, dict[str, Any]]
    used: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._tokens = list(_tokens(self.text))

    @property
    def next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def take(self, expected: str = "") -> str:
        """The next token, which must be the expected one where one is named."""
        if not self._tokens or (expected and self.next.upper() != expected):
            raise ExpressionError(f"{self.text!r}: {expected or 'more'} expected, not {self.next!r}")
        return self._tokens.pop(0)

    def takes(self, *words: str) -> str:
        """The next token where it is one of these, else nothing."""
        return self.take().upper() if self.next.upper() in words else ""

    def name(self) -> str:
        """An attribute's name, written out or as a placeholder."""
        word = self.take()
        if word.startswith("#"):
            self.used.add(word)
            if word not in self.names:
                raise ExpressionError(f"{self.text!r} uses {word}, which is not defined")
            return self.names[word]
        if not re.fullmatch(r"[A-Za-z_]\w*", word) or word.lower() in RESERVED:
            raise ExpressionError(f"{self.text!r}: {word!r} cannot be an attribute's name")
        return word

    def operand(self, item: Item) -> dict[str, Any] | None:
        """A value, or what the item has under a name; None where it has nothing."""
        if not self.next.startswith(":"):
            return item.get(self.name())
        word = self.take()
        self.used.add(word)
        if word not in self.values:
            raise ExpressionError(f"{self.text!r} uses {word}, which is not defined")
        return self.values[word]

    def end(self) -> None:
        """Nothing may be left over."""
        if self._tokens:
            raise ExpressionError(f"{self.text!r}: {self.next!r} is not understood")


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if not found:
            raise ExpressionError(f"{text!r} is not understood from {text[at:]!r} on")
        yield found[1]
        at = found.end()


def holds(words: Words, item: Item) -> bool:
    """Whether a condition is true of an item; an item that does not exist has no attributes."""
    truth = _either(words, item)
    words.end()
    return truth


def _either(words: Words, item: Item) -> bool:
    truth = _both(words, item)
    while words.takes("OR"):
        truth = _both(words, item) or truth
    return truth


def _both(words: Words, item: Item) -> bool:
    truth = _single(words, item)
    while words.takes("AND"):
        truth = _single(words, item) and truth
    return truth


def _single(words: Words, item: Item) -> bool:
    if words.takes("NOT"):
        return not _single(words, item)
    if words.takes("("):
        truth = _either(words, item)
        words.take(")")
        return truth
    if words.next.lower() in ("attribute_exists", "attribute_not_exists"):
        function = words.take().lower()
        words.take("(")
        exists = words.name() in item
        words.take(")")
        return exists is (function == "attribute_exists")
    return _comparison(words, item)


def _comparison(words: Words, item: Item) -> bool:
    left = words.operand(item)
    sign = words.take()
    right = words.operand(item)
    if sign in ("=", "<>"):
        return (_plain(left) == _plain(right)) is (sign == "=")
    if sign not in _COMPARE:
        raise ExpressionError(f"{words.text!r}: {sign!r} is no comparison that is known here")
    if left is None or right is None or left.keys() != right.keys():
        return False
    return _COMPARE[sign](_plain(left)[1], _plain(right)[1])


def _plain(value: dict[str, Any] | None) -> tuple[str, Any]:
    if value is None:
        return "", None
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, Decimal(content)
    return kind, content.encode() if kind == "S" else content


def updated(words: Words, item: Item) -> dict[str, dict[str, Any]]:
    """The item after an update expression; all its clauses read the item as it was."""
    after = dict(item)
    while clause := words.takes("SET", "ADD", "REMOVE"):
        while True:
            _CLAUSES[clause](words, item, after)
            if not words.takes(","):
                break
    words.end()
    return after


def _set(words: Words, item: Item, after: dict[str, dict[str, Any]]) -> None:
    name = words.name()
    words.take("=")
    value = words.operand(item)
    if sign := words.takes("+", "-"):
        change = _number(words.operand(item), words)
        value = {"N": str(_number(value, words) + (change if sign == "+" else -change))}
    if value is None:
        raise ExpressionError(f"{words.text!r}: the item has nothing to set {name} to")
    after[name] = value


def _add(words: Words, item: Item, after: dict[str, dict[str, Any]]) -> None:
    name = words.name()
    change = _number(words.operand(item), words)
    after[name] = {"N": str(_number(item.get(name, {"N": "0"}), words) + change)}


def _remove(words: Words, _: Item, after: dict[str, dict[str, Any]]) -> None:
    after.pop(words.name(), None)


def _number(value: dict[str, Any] | None, words: Words) -> Decimal:
    if value is None or "N" not in value:
        raise ExpressionError(f"{words.text!r}: only a number can be added to")
    return Decimal(value["N"])


_CLAUSES = {"SET": _set, "ADD": _add, "REMOVE": _remove}
