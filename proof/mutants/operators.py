"""How a mutant changes a node of the product: its text is replaced in the source, and all other text stays."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from proof.mutants.address import Address, Definition, Node, Span

type Edit = tuple[Span, str]
"""Some bytes of a file, and what stands there instead."""

# DynamoDB's condition that every item fulfils, or none.
EVERY, NONE = (f"attribute_exists(pk) {word} attribute_not_exists(pk)" for word in ("OR", "AND"))


class OperatorError(Exception):
    """An operator that means nothing at its address."""


@dataclass(frozen=True)
class Change:
    """One node changed by one operator; `value`: what a literal or free-form code becomes."""

    operator: str
    address: Address
    value: str = ""

    @property
    def edits(self) -> Sequence[Edit]:
        """What is replaced in the address's file; AddressError where the address does not fit."""
        node = self.address.node()
        match self.operator:
            case "on" | "off" | "not":
                return [(node.span, _decided(node, self.operator))]
            case "drop":
                return [_dropped(node)]
            case "swap":
                return _swapped(node, replace(self.address, ordinal=self.address.ordinal + 1).node())
            case _:
                return [(node.span, self.value)]

    def __str__(self) -> str:
        return f"{self.operator} {self.address}"


def on(address: str) -> Change:
    """The condition, the operand of a condition, or the clause of a DynamoDB condition always holds."""
    return Change("on", Address.of(address))


def off(address: str) -> Change:
    """It never holds."""
    return Change("off", Address.of(address))


def drop(address: str) -> Change:
    """The statement, operand, keyword, argument, element, row or entry is not there."""
    return Change("drop", Address.of(address))


def swap(address: str) -> Change:
    """The statement, element or row changes places with the next one."""
    return Change("swap", Address.of(address))


def literal(address: str, value: str) -> Change:
    """Another constant stands there: a literal, or a name in capitals."""
    parsed = ast.parse(value, mode="eval").body
    if not isinstance(parsed, ast.Attribute) or not parsed.attr.isupper():
        ast.literal_eval(parsed)
    return Change("literal", Address.of(address), value)


def code(address: str, value: str) -> Change:
    """Other code stands there: for what no operator can say."""
    return Change("code", Address.of(address), value)


def _decided(node: Node, operator: str) -> str:
    if node.address.kind == "clause":
        clauses = {"on": f"({node.text} OR {EVERY})", "off": f"({node.text} AND {NONE})", "not": f"(NOT {node.text})"}
        return clauses[operator]
    if not isinstance(node.tree, ast.expr):
        raise OperatorError(f"{operator} means nothing at {node.address}")
    return {"on": "(True)", "off": "(False)", "not": f"(not ({node.definition.text(node.tree)}))"}[operator]


def _dropped(node: Node) -> Edit:
    definition, around = node.definition, node.around
    if node.address.kind == "statement":
        return node.span, "else: pass" if node.text.startswith("elif ") else "pass"
    start, end = node.span
    behind = definition.source[end:]
    comma = behind.lstrip()[:1] == b","
    # The row alone, so that a mutant may drop several.
    if node.address.kind == "keyword" or (node.address.kind == "row" and comma and _is_long(around)):
        return (start, end + behind.index(b",") + 1 if comma else end), ""
    match around:
        case ast.BoolOp(op=ast.And(), values=values):
            text = " and ".join(_others(node, values))
        case ast.BoolOp(op=ast.Or(), values=values):
            text = " or ".join(_others(node, values))
        case ast.Call(func=ast.Name("max" | "min"), args=[_, _]):
            (text,) = _others(node, around.args)
        case ast.Tuple(elts=elements):
            text = "".join(f"{one}, " for one in _others(node, elements))
        case ast.List(elts=elements):
            text = f"[{', '.join(_others(node, elements))}]"
        case ast.Set(elts=elements):
            text = f"{{*(), {', '.join(_others(node, elements))}}}"
        case ast.Dict(keys=keys, values=values):
            entries = [_entry(definition, *pair) for pair in zip(keys, values, strict=True) if pair[1] is not node.tree]
            text = f"{{{', '.join(entries)}}}"
        case _:
            raise OperatorError(f"drop means nothing at {node.address}")
    return definition.span(around), f"({text})"


def _is_long(table: ast.AST) -> bool:
    """Whether it still is what it is without a row: a tuple with a single one needs its comma."""
    return isinstance(table, ast.Tuple) and len(table.elts) > 2


def _others(node: Node, parts: Sequence[ast.expr]) -> list[str]:
    texts = ((part, node.definition.text(part)) for part in parts if part is not node.tree)
    return [text if isinstance(part, ast.Starred) else f"({text})" for part, text in texts]


def _entry(definition: Definition, key: ast.expr | None, value: ast.expr) -> str:
    return f"{definition.text(key)}: ({definition.text(value)})" if key else f"**({definition.text(value)})"


def _swapped(one: Node, other: Node) -> Sequence[Edit]:
    statements = one.address.kind == "statement" and one.span[1] <= other.span[0]
    if not statements and (one.address.kind not in ("element", "row") or one.around is not other.around):
        raise OperatorError(f"swap means nothing at {one.address}")
    return [(one.span, one.definition.text(other.tree)), (other.span, one.definition.text(one.tree))]
