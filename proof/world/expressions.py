"""DynamoDB's expressions, as far as the product sends them: what is not known here is refused, never guessed.

Grammar and behavior: Amazon DynamoDB Developer Guide, "Condition and filter expressions", "Update expressions".
Items are maps of attribute name to typed value, `{"lock_version": {"N": "3"}}`. A text is understood once, then kept.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from proof.world.reserved_words import RESERVED

Value = Mapping[str, Any]
Item = Mapping[str, Value]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ExpressionError(Exception):
    """DynamoDB would answer ValidationException, or the imitation does not know the words."""


@dataclass(frozen=True)
class Scope:
    """What an expression is about: an item and the placeholders that were sent along."""

    item: Item
    names: Mapping[str, str]
    values: Mapping[str, Value]

    def name(self, word: str) -> str:
        """The attribute that a word stands for."""
        if not word.startswith("#"):
            return word
        if word not in self.names:
            raise ExpressionError(f"{word} is used, but not defined")
        return self.names[word]

    def value(self, word: str) -> Value | None:
        """A placeholder's value, or what the item has under a name; None where it has nothing."""
        if not word.startswith(":"):
            return self.item.get(self.name(word))
        if word not in self.values:
            raise ExpressionError(f"{word} is used, but not defined")
        return self.values[word]


Test = Callable[[Scope], bool]
Term = Callable[[Scope], Value | None]
After = dict[str, Value]
Change = Callable[[Scope, After], None]


class Words:
    """The tokens of one expression, taken one by one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self.placeholders = frozenset(token for token in self._tokens if token[0] in "#:")

    @property
    def next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def take(self, expected: str = "") -> str:
        """The next token, which must be the expected one where one is named."""
        if not self._tokens or (expected and self.next.upper() != expected):
            raise ExpressionError(f"{self._text!r}: {expected or 'more'} expected, not {self.next!r}")
        return self._tokens.pop(0)

    def takes(self, *words: str) -> str:
        """The next token where it is one of these, else nothing."""
        return self.take().upper() if self.next.upper() in words else ""

    def name(self) -> str:
        """An attribute's name, written out or as a placeholder."""
        word = self.take()
        if not re.fullmatch(r"#?[A-Za-z_]\w*", word) or word.lower() in RESERVED:
            raise ExpressionError(f"{self._text!r}: {word!r} cannot be an attribute's name")
        return word

    def operand(self) -> str:
        """A value's placeholder or an attribute's name."""
        return self.take() if self.next.startswith(":") else self.name()

    def end(self) -> None:
        """Nothing may be left over."""
        if self._tokens:
            raise ExpressionError(f"{self._text!r}: {self.next!r} is not understood")

    def wrong(self, what: str) -> ExpressionError:
        """The error for words that do not belong here."""
        return ExpressionError(f"{self._text!r}: {what}")


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if not found:
            raise ExpressionError(f"{text!r} is not understood from {text[at:]!r} on")
        yield found[1]
        at = found.end()


def placeholders(*, condition: str = "", update: str = "") -> frozenset[str]:
    """The `#names` and `:values` that expressions use."""
    used = _condition(condition)[1] if condition else frozenset[str]()
    return used | _update(update)[1] if update else used


def holds(text: str, scope: Scope) -> bool:
    """Whether a condition is true of an item; an item that does not exist has no attributes."""
    return _condition(text)[0](scope)


def updated(text: str, scope: Scope) -> After:
    """The item after an update expression; all its clauses read the item as it was."""
    after = dict(scope.item)
    for change in _update(text)[0]:
        change(scope, after)
    return after


# -- conditions -------------------------------------------------------------------------------------------------


@cache
def _condition(text: str) -> tuple[Test, frozenset[str]]:
    words = Words(text)
    test = _either(words)
    words.end()
    return test, words.placeholders


def _either(words: Words) -> Test:
    tests = [_both(words)]
    while words.takes("OR"):
        tests.append(_both(words))
    return tests[0] if len(tests) == 1 else lambda scope: any([test(scope) for test in tests])


def _both(words: Words) -> Test:
    tests = [_single(words)]
    while words.takes("AND"):
        tests.append(_single(words))
    return tests[0] if len(tests) == 1 else lambda scope: all([test(scope) for test in tests])


def _single(words: Words) -> Test:
    if words.takes("NOT"):
        test = _single(words)
        return lambda scope: not test(scope)
    if words.takes("("):
        test = _either(words)
        words.take(")")
        return test
    function = words.next.lower()
    if function in ("attribute_exists", "attribute_not_exists"):
        (name,) = _arguments(words, words.name)
        return lambda scope: (scope.name(name) in scope.item) is (function == "attribute_exists")
    if function == "begins_with":
        name, start = _arguments(words, words.name, words.operand)
        return lambda scope: _begins(scope.value(name), scope.value(start))
    return _comparison(words)


def _arguments(words: Words, *kinds: Callable[[], str]) -> list[str]:
    """What stands between a function's parentheses."""
    words.take()
    found: list[str] = []
    for place, kind in enumerate(kinds):
        words.take("," if place else "(")
        found.append(kind())
    words.take(")")
    return found


def _begins(value: Value | None, start: Value | None) -> bool:
    return bool(value and start and str(value.get("S", "")).startswith(str(start["S"])))


def _comparison(words: Words) -> Test:
    left = words.operand()
    if words.takes("BETWEEN"):
        low = words.operand()
        words.take("AND")
        high = words.operand()
        return lambda scope: _ordered(scope, low, "<=", left) and _ordered(scope, left, "<=", high)
    sign = words.take()
    right = words.operand()
    if sign in ("=", "<>"):
        return lambda scope: (_plain(scope.value(left)) == _plain(scope.value(right))) is (sign == "=")
    if sign not in _COMPARE:
        raise words.wrong(f"{sign!r} is no comparison that is known here")
    return lambda scope: _ordered(scope, left, sign, right)


def _ordered(scope: Scope, left: str, sign: str, right: str) -> bool:
    one, other = scope.value(left), scope.value(right)
    if one is None or other is None or one.keys() != other.keys():
        return False
    return _COMPARE[sign](_plain(one)[1], _plain(other)[1])


def _plain(value: Value | None) -> tuple[str, Any]:
    if value is None:
        return "", None
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, Decimal(content)
    return kind, content.encode() if kind == "S" else content


# -- updates ----------------------------------------------------------------------------------------------------


@cache
def _update(text: str) -> tuple[tuple[Change, ...], frozenset[str]]:
    words = Words(text)
    changes: list[Change] = []
    while clause := words.takes("SET", "ADD", "REMOVE"):
        changes.append(_CLAUSES[clause](words))
        while words.takes(","):
            changes.append(_CLAUSES[clause](words))
    words.end()
    return tuple(changes), words.placeholders


def _set(words: Words) -> Change:
    name = words.name()
    words.take("=")
    first = _term(words)
    sign = words.takes("+", "-")
    second = _term(words) if sign else None

    def change(scope: Scope, after: After) -> None:
        value = first(scope)
        if second:
            more = _number(second(scope), words)
            value = {"N": str(_number(value, words) + (more if sign == "+" else -more))}
        if value is None:
            raise words.wrong(f"the item has nothing to set {name} to")
        after[scope.name(name)] = value

    return change


def _term(words: Words) -> Term:
    if words.next.lower() != "if_not_exists":
        word = words.operand()
        return lambda scope: scope.value(word)
    name, otherwise = _arguments(words, words.name, words.operand)
    return lambda scope: scope.value(name) or scope.value(otherwise)


def _add(words: Words) -> Change:
    name, word = words.name(), words.operand()

    def change(scope: Scope, after: After) -> None:
        before = scope.value(name) or {"N": "0"}
        after[scope.name(name)] = {"N": str(_number(before, words) + _number(scope.value(word), words))}

    return change


def _remove(words: Words) -> Change:
    name = words.name()

    def change(scope: Scope, after: After) -> None:
        after.pop(scope.name(name), None)

    return change


def _number(value: Value | None, words: Words) -> Decimal:
    if value is None or "N" not in value:
        raise words.wrong("only a number can be added to")
    return Decimal(value["N"])


_CLAUSES = {"SET": _set, "ADD": _add, "REMOVE": _remove}
