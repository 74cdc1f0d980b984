"""Where a mutant changes the product: a module, a function, and one node of its syntax tree.

`render.service:RenderService._buy#3fa9c1 if 2` is the test of the second `if` in that method, in source order. A name
that a module or class assigns may replace the function: `reconcile.sweep:SWEPT_KINDS#51c0de row 2`. The digits are a
fingerprint of the function's shape: renames, new texts and new layout keep it, every other change breaks it. Then a
person looks at what the address means now (`python -m proof.mutants check`).
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "backdrop" / "backdrop"
SYNTAX = re.compile(r"([\w.]+):([\w.]+)#([0-9a-f]{6}) ([a-z ]+) (\d+)")
# One comparison or function of a DynamoDB condition expression.
CLAUSE = re.compile(
    r"(?:attribute_(?:not_)?exists|attribute_type|begins_with|contains)\([^()]*\)|[#\w.]+ (?:=|<>|<=|>=|<|>) [:#]\w+"
)
# Expressions that are written as DynamoDB conditions are, and guard nothing.
NO_CONDITION = re.compile(r"SET |ADD |REMOVE |DELETE |.* BETWEEN ")
# Fields of syntax trees that say nothing of what code does.
UNSHAPED = ("annotation", "returns", "type_comment", "type_params", "kind", "ctx", "simple")
type Span = tuple[int, int]
"""From one byte of a file to another."""


class AddressError(Exception):
    """An address that does not fit the product as it is; it says what stands there now, and how to address it."""


@dataclass(frozen=True)
class Address:
    """`module` counts from the package on; `name` is the qualified name in it."""

    module: str
    name: str
    shape: str
    kind: str
    ordinal: int

    @classmethod
    def of(cls, text: str) -> "Address":
        """An address as it is written; AddressError where it is none."""
        found = SYNTAX.fullmatch(text)
        if not found:
            raise AddressError(f"{text!r} is no address: module:name#shape kind ordinal")
        module, name, shape, kind, ordinal = found.groups()
        return cls(module, name, shape, kind, int(ordinal))

    def __str__(self) -> str:
        return f"{self.place}#{self.shape} {self.kind} {self.ordinal}"

    @property
    def place(self) -> str:
        """The function, or the name."""
        return f"{self.module}:{self.name}"

    @property
    def file(self) -> str:
        """The module's file, from the package on."""
        return str(file_of(self.module).relative_to(PACKAGE))

    def node(self) -> "Node":
        """What is there; AddressError where the function is another than the one that was addressed."""
        definition = definition_of(self.module, self.name)
        if definition is None:
            raise AddressError(f"{self}: there is no {self.place}.\n{_elsewhere(self)}")
        if definition.shape != self.shape:
            raise AddressError(f"{self}: the shape of {self.place} has changed.\n\n{definition.described(self.kind)}")
        found = definition.node(self.kind, self.ordinal)
        if found is None:
            raise AddressError(f"{self}: {self.place} has no such node.\n\n{definition.described(self.kind)}")
        return found


@dataclass(frozen=True)
class Node:
    """One thing that a mutant may change. `around`: what it is a part of; `span`: the bytes of the file it covers."""

    address: Address
    definition: "Definition"
    tree: ast.AST
    around: ast.AST
    span: Span

    @property
    def text(self) -> str:
        """Its source in one line."""
        return " ".join(self.definition.source[slice(*self.span)].decode().split())


@dataclass(frozen=True)
class Definition:
    """A function, or the statement that assigns a name, with all its nodes."""

    module: str
    name: str
    tree: ast.stmt
    source: bytes
    starts: tuple[int, ...]

    @cached_property
    def shape(self) -> str:
        """The fingerprint of its syntax tree in which names are numbers, and of texts only conditions have a form."""
        return sha256("".join(_shape(self.tree, {}, top=True)).encode()).hexdigest()[:6]

    def text(self, node: ast.AST) -> str:
        """The source of a node."""
        return self.source[slice(*self.span(node))].decode()

    def span(self, node: ast.AST) -> Span:
        """Where a node stands in the file."""
        place = ast.Expr(ast.Constant(None))
        ast.copy_location(place, node)
        return (
            self.starts[place.lineno - 1] + place.col_offset,
            self.starts[(place.end_lineno or 0) - 1] + (place.end_col_offset or 0),
        )

    def nodes(self) -> Iterator[Node]:
        """All that can be addressed in it, in the order of the source."""
        counted: Counter[str] = Counter()
        for kind, node, around, span in self._found():
            counted[kind] += 1
            address = Address(self.module, self.name, self.shape, kind, counted[kind])
            yield Node(address, self, node, around, span)

    def node(self, kind: str, ordinal: int) -> Node | None:
        """One of them."""
        wanted = (kind, ordinal)
        return next((one for one in self.nodes() if (one.address.kind, one.address.ordinal) == wanted), None)

    def described(self, *kinds: str) -> str:
        """What it looks like now, and the addresses in it; `kinds`: of these, if there are any."""
        every = [*self.nodes()]
        some = [one for one in every if one.address.kind in kinds] or every
        listed = "\n".join(f"  {one.address}: {one.text}" for one in some)
        others = (
            f"\n`python -m proof.mutants nodes {self.module}:{self.name}` prints all." if len(some) < len(every) else ""
        )
        return f"It is now:\n\n{self.text(self.tree)}\n\nIts addresses:\n{listed}{others}\n"

    def _found(self) -> Iterator[tuple[str, ast.AST, ast.AST, Span]]:
        table = _table(self.tree)
        for around in _own(self.tree):
            for kind, node in _kinds(around):
                if around is table:
                    yield "row", node, around, self.span(node)
                elif kind == "clause":
                    start, end = self.span(node)
                    for found in CLAUSE.finditer(self.source[start:end].decode()):
                        yield kind, node, around, (start + found.start(), start + found.end())
                else:
                    yield kind, node, around, self.span(node)


def _kinds(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What of a node can be addressed, by kind."""
    match node:
        case ast.If() | ast.While():
            yield type(node).__name__.lower(), node.test
        case ast.comprehension():
            yield from (("comprehension if", test) for test in node.ifs)
        case ast.IfExp():
            yield "conditional expression", node.test
        case ast.Assert():
            yield "assert", node.test
        case ast.match_case(guard=ast.expr() as guard):
            yield "case if", guard
        case ast.Return(value=ast.expr() as value):
            yield "return", value
        case ast.BoolOp():
            yield from (("operand", value) for value in node.values)
        case ast.Compare():
            yield "comparison", node
        case ast.Call():
            yield "call", node
            yield from (("argument", one) for one in node.args)
            yield from (("keyword", one) for one in node.keywords)
        case ast.Tuple() | ast.List() | ast.Set() if isinstance(getattr(node, "ctx", None), ast.Load | None):
            yield from (("element", one) for one in node.elts)
        case ast.Dict():
            yield from (("entry", value) for value in node.values)
        case ast.DictComp():
            yield "key", node.key
        case ast.Constant():
            yield "constant", node
            if is_condition(node.value):
                yield "clause", node
        case ast.Assign() | ast.AnnAssign() if node.value:
            yield "value", node.value
        case _:
            pass
    if isinstance(node, ast.stmt):
        yield "statement", node


def is_condition(value: object) -> bool:
    """Whether a constant is a condition expression of DynamoDB."""
    return isinstance(value, str) and bool(CLAUSE.search(value)) and not NO_CONDITION.match(value)


def _own(definition: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a definition without its signature, its docstring, and the functions inside it."""
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        waiting: list[ast.AST] = list(definition.body[1:] if ast.get_docstring(definition) else definition.body)
    else:
        waiting = [definition]
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.JoinedStr):
            waiting[:0] = [one for one in ast.iter_child_nodes(node) if not _is_annotation(node, one)]


def _is_annotation(node: ast.AST, child: ast.AST) -> bool:
    return child is getattr(node, "annotation", None)


def _table(definition: ast.stmt) -> ast.expr | None:
    """The display that a name is assigned, also as the last argument of a call, such as `frozenset({…})`: of rows."""
    value = definition.value if isinstance(definition, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Call) and value.args:
        value = value.args[-1]
    return value if isinstance(value, ast.Tuple | ast.List | ast.Set) else None


def _shape(node: ast.AST, names: dict[tuple[str, str], int], *, top: bool = False) -> Iterator[str]:
    """A node's type and its parts; a name is the number of its first appearance, so that an exchange of two shows."""
    yield f"({type(node).__name__}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield CLAUSE.sub("clause", node.value) if is_condition(node.value) else ""
    else:
        for field, value in ast.iter_fields(node):
            if field in UNSHAPED or (top and field == "name"):
                continue
            space = "attribute" if field in ("attr", "kwd_attrs") or isinstance(node, ast.keyword) else "name"
            parts = cast("list[object]", value) if isinstance(value, list) else [value]
            yield f" {field}"
            yield from (part for one in parts if not _is_docstring(one) for part in _part(one, space, names))
    yield ")"


def _part(part: object, space: str, names: dict[tuple[str, str], int]) -> Iterator[str]:
    match part:
        case ast.AST():
            yield from _shape(part, names)
        case str():
            yield f" {names.setdefault((space, part), len(names))}"
        case _:
            yield f" {part!r}"


def _is_docstring(part: object) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)


# -- the product's files -------------------------------------------------------------------------------------------


def file_of(module: str) -> Path:
    """A module's file, which need not be there."""
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def modules(package: str) -> list[str]:
    """A package's modules, with those of the packages in it; a module alone is its own."""
    file = file_of(package)
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    named = (one.relative_to(PACKAGE).with_suffix("").parts for one in files)
    return [".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in named]


def definitions(module: str) -> dict[str, Definition]:
    """All functions of a module, and the names that it or its classes assign, by qualified name."""
    file = file_of(module)
    return read(module, file.read_bytes()) if file.is_file() else {}


@cache
def read(module: str, source: bytes) -> dict[str, Definition]:
    """The definitions of a module that reads so."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[str, Definition] = {}
    for name, tree in _named(ast.parse(source).body, ""):
        # Of overloads and fallbacks by the same name the last is what runs.
        found[name] = Definition(module, name, tree, source, tuple(starts))
    return found


def _named(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{prefix}{statement.name}", statement
                yield from _named(
                    [one for one in ast.walk(statement) if isinstance(one, ast.FunctionDef) and one is not statement],
                    f"{prefix}{statement.name}.",
                )
            case ast.ClassDef():
                yield from _named(statement.body, f"{prefix}{statement.name}.")
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name), value=ast.expr()):
                yield f"{prefix}{name}", statement
            case _:
                pass


def definition_of(module: str, name: str) -> Definition | None:
    """A function, or an assigned name; None where there is none."""
    return definitions(module).get(name)


def _elsewhere(address: Address) -> str:
    """Where what was addressed may be now."""
    every = {f"{module}:{name}": one for module in modules("") for name, one in definitions(module).items()}
    same = [place for place, one in every.items() if one.shape == address.shape]
    last = address.name.rpartition(".")[2]
    alike = [place for place in every if re.split(r"[.:]", place)[-1] == last]
    close = get_close_matches(address.place, every, n=3, cutoff=0.8)
    lines = [f"  {place}" for place in dict.fromkeys((*same, *alike, *close))]
    if not lines:
        return "Nothing in the package has its shape or its name."
    return "\n".join(("These have its shape or its name; `python -m proof.mutants rename OLD NEW` moves it:", *lines))


def at_present(address: Address) -> Address:
    """The same address with the shape that its function has now."""
    definition = definition_of(address.module, address.name)
    return replace(address, shape=definition.shape) if definition else address
