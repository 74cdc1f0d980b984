"""DynamoDB's expressions, as far as the product uses them. Everything else is rejected, never guessed.

Grammar and behavior: Amazon DynamoDB Developer Guide, "Condition and filter expressions", "Update expressions". Items
are maps of attribute name to typed value, `{"lock_version": {"N": "3"}}`. Each text is parsed once and cached.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from simulation.world.reserved_words import RESERVED_WORDS

Value = Mapping[str, Any]
Item = Mapping[str, Value]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ExpressionError(Exception):
    """DynamoDB would return ValidationException, or the simulation does not support the expression."""


@dataclass(slots=True)
class EvaluationScope:
    """The item that an expression is evaluated on, and the placeholders that were sent with it."""

    item: Item
    names: Mapping[str, str]
    values: Mapping[str, Value]

    def resolve_name(self, token: str) -> str:
        """Returns the attribute that a token names."""
        if not token.startswith("#"):
            return token
        if token not in self.names:
            raise ExpressionError(f"{token} is used, but not defined")
        return self.names[token]

    def read_value(self, token: str) -> Value | None:
        """Returns a placeholder's value, or the item's attribute; None if the item does not have it."""
        if not token.startswith(":"):
            return self.item.get(self.resolve_name(token))
        if token not in self.values:
            raise ExpressionError(f"{token} is used, but not defined")
        return self.values[token]


Condition = Callable[[EvaluationScope], bool]
ValueReader = Callable[[EvaluationScope], Value | None]
UpdatedItem = dict[str, Value]
UpdateAction = Callable[[EvaluationScope, UpdatedItem], None]


class TokenStream:
    """The tokens of one expression, consumed in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokenize(text))
        self.placeholders = frozenset(token for token in self._tokens if token[0] in "#:")

    @property
    def next_token(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def take(self, expected: str = "") -> str:
        """Consumes the next token, which must be the expected one, if any is given."""
        if not self._tokens or (expected and self.next_token.upper() != expected):
            raise ExpressionError(f"{self._text!r}: {expected or 'more'} expected, not {self.next_token!r}")
        return self._tokens.pop(0)

    def take_if(self, *options: str) -> str:
        """Consumes the next token if it is one of these; otherwise returns an empty string."""
        return self.take().upper() if self.next_token.upper() in options else ""

    def take_name(self) -> str:
        """Consumes an attribute's name, written out or as a placeholder."""
        token = self.take()
        if not re.fullmatch(r"#?[A-Za-z_]\w*", token) or token.lower() in RESERVED_WORDS:
            raise ExpressionError(f"{self._text!r}: {token!r} cannot be an attribute's name")
        return token

    def take_operand(self) -> str:
        """Consumes a value's placeholder or an attribute's name."""
        return self.take() if self.next_token.startswith(":") else self.take_name()

    def expect_end(self) -> None:
        if self._tokens:
            raise ExpressionError(f"{self._text!r}: {self.next_token!r} is not supported")

    def build_error(self, message: str) -> ExpressionError:
        return ExpressionError(f"{self._text!r}: {message}")


def _tokenize(text: str) -> Iterator[str]:
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if not match:
            raise ExpressionError(f"{text!r} is not supported from {text[position:]!r} on")
        yield match[1]
        position = match.end()


def find_placeholders(*, condition: str = "", update: str = "") -> frozenset[str]:
    """Returns the `#names` and `:values` that expressions use."""
    used = _parse_condition(condition)[1] if condition else frozenset[str]()
    return used | _parse_update(update)[1] if update else used


def is_met(text: str, scope: EvaluationScope) -> bool:
    """Whether a condition holds for an item. An item that does not exist has no attributes."""
    return _parse_condition(text)[0](scope)


def apply_update(text: str, scope: EvaluationScope) -> UpdatedItem:
    """Returns the item after an update expression. All clauses read the item as it was before."""
    after = dict(scope.item)
    for change in _parse_update(text)[0]:
        change(scope, after)
    return after


# -- conditions -------------------------------------------------------------------------------------------------


@cache
def _parse_condition(text: str) -> tuple[Condition, frozenset[str]]:
    tokens = TokenStream(text)
    test = _parse_or(tokens)
    tokens.expect_end()
    return test, tokens.placeholders


def _parse_or(tokens: TokenStream) -> Condition:
    tests = [_parse_and(tokens)]
    while tokens.take_if("OR"):
        tests.append(_parse_and(tokens))
    return tests[0] if len(tests) == 1 else lambda scope: any([test(scope) for test in tests])


def _parse_and(tokens: TokenStream) -> Condition:
    tests = [_parse_term(tokens)]
    while tokens.take_if("AND"):
        tests.append(_parse_term(tokens))
    return tests[0] if len(tests) == 1 else lambda scope: all([test(scope) for test in tests])


def _parse_term(tokens: TokenStream) -> Condition:
    if tokens.take_if("NOT"):
        test = _parse_term(tokens)
        return lambda scope: not test(scope)
    if tokens.take_if("("):
        test = _parse_or(tokens)
        tokens.take(")")
        return test
    function = tokens.next_token.lower()
    if function in ("attribute_exists", "attribute_not_exists"):
        (name,) = _parse_arguments(tokens, tokens.take_name)
        return lambda scope: (scope.resolve_name(name) in scope.item) is (function == "attribute_exists")
    if function == "begins_with":
        name, start = _parse_arguments(tokens, tokens.take_name, tokens.take_operand)
        return lambda scope: _begins_with(scope.read_value(name), scope.read_value(start))
    return _parse_comparison(tokens)


def _parse_arguments(tokens: TokenStream, *take_arguments: Callable[[], str]) -> list[str]:
    """Parses a function's arguments with their parentheses."""
    tokens.take()
    arguments: list[str] = []
    for index, take_argument in enumerate(take_arguments):
        tokens.take("," if index else "(")
        arguments.append(take_argument())
    tokens.take(")")
    return arguments


def _begins_with(value: Value | None, start: Value | None) -> bool:
    return bool(value and start and str(value.get("S", "")).startswith(str(start["S"])))


def _parse_comparison(tokens: TokenStream) -> Condition:
    left = tokens.take_operand()
    if tokens.take_if("BETWEEN"):
        low = tokens.take_operand()
        tokens.take("AND")
        high = tokens.take_operand()
        return lambda scope: _compare(scope, low, "<=", left) and _compare(scope, left, "<=", high)
    sign = tokens.take()
    right = tokens.take_operand()
    if sign in ("=", "<>"):
        return lambda scope: (
            (_to_comparable(scope.read_value(left)) == _to_comparable(scope.read_value(right))) is (sign == "=")
        )
    if sign not in _COMPARATORS:
        raise tokens.build_error(f"{sign!r} is not a supported comparison")
    return lambda scope: _compare(scope, left, sign, right)


def _compare(scope: EvaluationScope, left: str, sign: str, right: str) -> bool:
    left_value, right_value = scope.read_value(left), scope.read_value(right)
    if left_value is None or right_value is None or left_value.keys() != right_value.keys():
        return False
    return _COMPARATORS[sign](_to_comparable(left_value)[1], _to_comparable(right_value)[1])


def _to_comparable(value: Value | None) -> tuple[str, Any]:
    if value is None:
        return "", None
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, Decimal(content)
    return kind, content.encode() if kind == "S" else content


# -- updates ----------------------------------------------------------------------------------------------------


@cache
def _parse_update(text: str) -> tuple[tuple[UpdateAction, ...], frozenset[str]]:
    tokens = TokenStream(text)
    changes: list[UpdateAction] = []
    while clause := tokens.take_if("SET", "ADD", "REMOVE"):
        changes.append(_CLAUSE_PARSERS[clause](tokens))
        while tokens.take_if(","):
            changes.append(_CLAUSE_PARSERS[clause](tokens))
    tokens.expect_end()
    return tuple(changes), tokens.placeholders


def _parse_set(tokens: TokenStream) -> UpdateAction:
    name = tokens.take_name()
    tokens.take("=")
    read_first = _parse_value(tokens)
    sign = tokens.take_if("+", "-")
    read_second = _parse_value(tokens) if sign else None

    def apply(scope: EvaluationScope, after: UpdatedItem) -> None:
        value = read_first(scope)
        if read_second:
            second_number = _require_number(read_second(scope), tokens)
            value = {"N": str(_require_number(value, tokens) + (second_number if sign == "+" else -second_number))}
        if value is None:
            raise tokens.build_error(f"the item has no value to set {name} to")
        after[scope.resolve_name(name)] = value

    return apply


def _parse_value(tokens: TokenStream) -> ValueReader:
    if tokens.next_token.lower() != "if_not_exists":
        operand = tokens.take_operand()
        return lambda scope: scope.read_value(operand)
    name, default = _parse_arguments(tokens, tokens.take_name, tokens.take_operand)
    return lambda scope: scope.read_value(name) or scope.read_value(default)


def _parse_add(tokens: TokenStream) -> UpdateAction:
    name, operand = tokens.take_name(), tokens.take_operand()

    def apply(scope: EvaluationScope, after: UpdatedItem) -> None:
        before = scope.read_value(name) or {"N": "0"}
        after[scope.resolve_name(name)] = {
            "N": str(_require_number(before, tokens) + _require_number(scope.read_value(operand), tokens))
        }

    return apply


def _parse_remove(tokens: TokenStream) -> UpdateAction:
    name = tokens.take_name()

    def apply(scope: EvaluationScope, after: UpdatedItem) -> None:
        after.pop(scope.resolve_name(name), None)

    return apply


def _require_number(value: Value | None, tokens: TokenStream) -> Decimal:
    if value is None or "N" not in value:
        raise tokens.build_error("only a number can be added to")
    return Decimal(value["N"])


_CLAUSE_PARSERS = {"SET": _parse_set, "ADD": _parse_add, "REMOVE": _parse_remove}
