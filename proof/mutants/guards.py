"""Reads the product's guards from its code: all conditions by which money, a lane or a lost answer goes its way."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from proof.mutants.mutant import PACKAGE

FILES = (
    "core/transitions/again.py",
    "core/transitions/ends.py",
    "core/transitions/paying.py",
    "core/lane.py",
    "core/reply.py",
    "aws/fences.py",
    "aws/ledger.py",
    "steps/answering.py",
    "steps/asking.py",
    "steps/folder_defaults.py",
    "steps/hearing.py",
    "steps/lost.py",
    "steps/naming.py",
    "steps/onward.py",
    "steps/payments.py",
    "steps/photo.py",
    "steps/render.py",
    "steps/material.py",
    "steps/stopping.py",
)
CONDITION_WORDS = ("attribute_not_exists", "rev = :", "#cap = :", "committed <= :")


@dataclass(frozen=True)
class Guard:
    """One condition: its file, the function around it, its text, and where it stands.

    `columns`: where its first line begins it, and its last line ends it.
    """

    file: str
    function: str
    text: str
    lines: tuple[int, ...]
    columns: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.file}:{self.function}: {self.text}"


@cache
def guards() -> list[Guard]:
    """All of them, in the order of the files."""
    return [guard for file in FILES for guard in _of_file(file)]


def _of_file(file: str) -> Iterator[Guard]:
    tree = ast.parse((PACKAGE / file).read_text())
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in _conditions(function):
                text = ast.unparse(node)
                lines = tuple(range(node.lineno, (node.end_lineno or node.lineno) + 1))
                yield Guard(file, function.name, text, lines, (node.col_offset, node.end_col_offset or 0))


def _conditions(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Tests of `if` and `while`, what is asked in a returned `and`, calls of `only`, and DynamoDB's own conditions."""
    for node in _own(function):
        if isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Constant):
            yield node.test
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.BoolOp):
            yield node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "only"
            or isinstance(node, ast.Constant)
            and any(word in str(node.value) for word in CONDITION_WORDS)
        ):
            yield node


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it, and without its docstring."""
    waiting: list[ast.AST] = list(function.body[1:] if ast.get_docstring(function) else function.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting[:0] = [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.FunctionDef)]
