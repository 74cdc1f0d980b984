"""How a mutant changes a node of the product: only the node's own source text is replaced."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulation.mutation.mutation_address import AddressedNode, ByteSpan, Definition, MutationAddress

type Edit = tuple[ByteSpan, str]
"""A range of bytes in a file, and the text that replaces it."""

# DynamoDB conditions that hold for every item, or for none.
ALWAYS_TRUE, ALWAYS_FALSE = (f"attribute_exists(pk) {operator} attribute_not_exists(pk)" for operator in ("OR", "AND"))


class OperatorError(Exception):
    """An operator that cannot be applied to the node at its address."""


@dataclass(frozen=True)
class Mutation:
    """One node changed by one operator. `value`: what replaces a literal or any code."""

    operator: str
    address: MutationAddress
    value: str = ""

    @property
    def edits(self) -> Sequence[Edit]:
        """The replacements in the address's file. Raises AddressError if the address does not fit."""
        node = self.address.find_node()
        match self.operator:
            case "on" | "off" | "not":
                return [(node.span, _build_forced_condition(node, self.operator))]
            case "drop":
                return [_build_removal(node)]
            case "swap":
                return _build_swap(node, replace(self.address, ordinal=self.address.ordinal + 1).find_node())
            case _:
                return [(node.span, self.value)]

    def __str__(self) -> str:
        return f"{self.operator} {self.address}"


def force_true(address: str) -> Mutation:
    """Makes a condition, an operand of a condition, or a clause of a DynamoDB condition always true."""
    return Mutation("on", MutationAddress.parse(address))


def force_false(address: str) -> Mutation:
    """Makes a condition, an operand of a condition, or a clause of a DynamoDB condition always false."""
    return Mutation("off", MutationAddress.parse(address))


def remove(address: str) -> Mutation:
    """Removes a statement, operand, keyword, argument, element, row, or entry."""
    return Mutation("drop", MutationAddress.parse(address))


def swap_with_next(address: str) -> Mutation:
    """Exchanges a statement, element, or row with the next one."""
    return Mutation("swap", MutationAddress.parse(address))


def replace_literal(address: str, value: str) -> Mutation:
    """Replaces a literal, or a name in capitals, by another constant."""
    parsed = ast.parse(value, mode="eval").body
    if not isinstance(parsed, ast.Attribute) or not parsed.attr.isupper():
        ast.literal_eval(parsed)
    return Mutation("literal", MutationAddress.parse(address), value)


def replace_code(address: str, value: str) -> Mutation:
    """Replaces a node by any other code. For what no other operator can express."""
    return Mutation("code", MutationAddress.parse(address), value)


def _build_forced_condition(node: AddressedNode, operator: str) -> str:
    if node.address.kind == "clause":
        replacements = {
            "on": f"({node.text} OR {ALWAYS_TRUE})",
            "off": f"({node.text} AND {ALWAYS_FALSE})",
            "not": f"(NOT {node.text})",
        }
        return replacements[operator]
    if not isinstance(node.tree, ast.expr):
        raise OperatorError(f"{operator} cannot be applied to {node.address}")
    return {"on": "(True)", "off": "(False)", "not": f"(not ({node.definition.read_text(node.tree)}))"}[operator]


def _build_removal(node: AddressedNode) -> Edit:
    definition, parent = node.definition, node.parent
    if node.address.kind == "statement":
        return node.span, "else: pass" if node.text.startswith("elif ") else "pass"
    start, end = node.span
    following = definition.source[end:]
    has_comma = following.lstrip()[:1] == b","
    # Removes only the row and its comma, so that a mutant may remove several rows.
    if node.address.kind == "keyword" or (node.address.kind == "row" and has_comma and _has_several_rows(parent)):
        return (start, end + following.index(b",") + 1 if has_comma else end), ""
    match parent:
        case ast.BoolOp(op=ast.And(), values=values):
            text = " and ".join(_list_other_texts(node, values))
        case ast.BoolOp(op=ast.Or(), values=values):
            text = " or ".join(_list_other_texts(node, values))
        case ast.Call(func=ast.Name("max" | "min"), args=[_, _]):
            (text,) = _list_other_texts(node, parent.args)
        case ast.Tuple(elts=elements):
            text = "".join(f"{text}, " for text in _list_other_texts(node, elements))
        case ast.List(elts=elements):
            text = f"[{', '.join(_list_other_texts(node, elements))}]"
        case ast.Set(elts=elements):
            text = f"{{*(), {', '.join(_list_other_texts(node, elements))}}}"
        case ast.Dict(keys=keys, values=values):
            entries = [
                _format_entry(definition, *pair) for pair in zip(keys, values, strict=True) if pair[1] is not node.tree
            ]
            text = f"{{{', '.join(entries)}}}"
        case _:
            raise OperatorError(f"drop cannot be applied to {node.address}")
    return definition.find_span(parent), f"({text})"


def _has_several_rows(node: ast.AST) -> bool:
    """Whether it remains a tuple without one row: a tuple with a single element needs its comma."""
    return isinstance(node, ast.Tuple) and len(node.elts) > 2


def _list_other_texts(node: AddressedNode, parts: Sequence[ast.expr]) -> list[str]:
    parts_with_text = ((part, node.definition.read_text(part)) for part in parts if part is not node.tree)
    return [text if isinstance(part, ast.Starred) else f"({text})" for part, text in parts_with_text]


def _format_entry(definition: Definition, key: ast.expr | None, value: ast.expr) -> str:
    return (
        f"{definition.read_text(key)}: ({definition.read_text(value)})" if key else f"**({definition.read_text(value)})"
    )


def _build_swap(first: AddressedNode, second: AddressedNode) -> Sequence[Edit]:
    are_statements = first.address.kind == "statement" and first.span[1] <= second.span[0]
    if not are_statements and (first.address.kind not in ("element", "row") or first.parent is not second.parent):
        raise OperatorError(f"swap cannot be applied to {first.address}")
    return [
        (first.span, first.definition.read_text(second.tree)),
        (second.span, first.definition.read_text(first.tree)),
    ]
