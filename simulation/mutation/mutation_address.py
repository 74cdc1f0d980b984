"""Where a mutant changes the product: a module, a function, and one node of its syntax tree.

`render.service:RenderService._buy#3fa9c1 if 2` is the test of the second `if` in that method, in source order. A name
that a module or class assigns may replace the function: `reconcile.sweep:SWEPT_KINDS#51c0de row 2`. The digits are a
fingerprint of the function's shape: renames, new texts and new layout keep it, every other change breaks it. Then a
person looks at what the address means now (`python -m simulation.mutation check`).
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
ADDRESS_PATTERN = re.compile(r"([\w.]+):([\w.]+)#([0-9a-f]{6}) ([a-z ]+) (\d+)")
# One comparison or function of a DynamoDB condition expression.
CLAUSE_PATTERN = re.compile(
    r"(?:attribute_(?:not_)?exists|attribute_type|begins_with|contains)\([^()]*\)|[#\w.]+ (?:=|<>|<=|>=|<|>) [:#]\w+"
)
# Expressions that are written as DynamoDB conditions are, and guard nothing.
NO_CONDITION_PATTERN = re.compile(r"SET |ADD |REMOVE |DELETE |.* BETWEEN ")
# Fields of syntax trees that say nothing of what code does.
IGNORED_SHAPE_FIELDS = ("annotation", "returns", "type_comment", "type_params", "kind", "ctx", "simple")
type ByteSpan = tuple[int, int]
"""From one byte of a file to another."""


class AddressError(Exception):
    """An address that does not fit the product as it is; it says what stands there now, and how to address it."""


@dataclass(frozen=True)
class MutationAddress:
    """`module` counts from the package on; `name` is the qualified name in it."""

    module: str
    name: str
    fingerprint: str
    kind: str
    ordinal: int

    @classmethod
    def parse(cls, text: str) -> "MutationAddress":
        """An address as it is written; AddressError where it is none."""
        found = ADDRESS_PATTERN.fullmatch(text)
        if not found:
            raise AddressError(f"{text!r} is no address: module:name#shape kind ordinal")
        module, name, shape, kind, ordinal = found.groups()
        return cls(module, name, shape, kind, int(ordinal))

    def __str__(self) -> str:
        return f"{self.definition_name}#{self.fingerprint} {self.kind} {self.ordinal}"

    @property
    def definition_name(self) -> str:
        """The function, or the name."""
        return f"{self.module}:{self.name}"

    @property
    def file(self) -> str:
        """The module's file, from the package on."""
        return str(find_module_file(self.module).relative_to(PACKAGE))

    def find_node(self) -> "AddressedNode":
        """What is there; AddressError where the function is another than the one that was addressed."""
        definition = find_definition(self.module, self.name)
        if definition is None:
            raise AddressError(f"{self}: there is no {self.definition_name}.\n{_describe_candidates(self)}")
        if definition.fingerprint != self.fingerprint:
            raise AddressError(
                f"{self}: the shape of {self.definition_name} has changed.\n\n{definition.describe(self.kind)}"
            )
        node = definition.find_node(self.kind, self.ordinal)
        if node is None:
            raise AddressError(f"{self}: {self.definition_name} has no such node.\n\n{definition.describe(self.kind)}")
        return node


@dataclass(frozen=True)
class AddressedNode:
    """One thing that a mutant may change. `around`: what it is a part of; `span`: the bytes of the file it covers."""

    address: MutationAddress
    definition: "Definition"
    tree: ast.AST
    parent: ast.AST
    span: ByteSpan

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
    line_starts: tuple[int, ...]

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of its syntax tree in which names are numbers, and of texts only conditions have a form."""
        return sha256("".join(_iterate_shape(self.tree, {}, is_top=True)).encode()).hexdigest()[:6]

    def read_text(self, node: ast.AST) -> str:
        """The source of a node."""
        return self.source[slice(*self.find_span(node))].decode()

    def find_span(self, node: ast.AST) -> ByteSpan:
        """Where a node stands in the file."""
        copy = ast.Expr(ast.Constant(None))
        ast.copy_location(copy, node)
        return (
            self.line_starts[copy.lineno - 1] + copy.col_offset,
            self.line_starts[(copy.end_lineno or 0) - 1] + (copy.end_col_offset or 0),
        )

    def list_nodes(self) -> Iterator[AddressedNode]:
        """All that can be addressed in it, in the order of the source."""
        ordinals: Counter[str] = Counter()
        for kind, node, parent, span in self._iterate_nodes():
            ordinals[kind] += 1
            address = MutationAddress(self.module, self.name, self.fingerprint, kind, ordinals[kind])
            yield AddressedNode(address, self, node, parent, span)

    def find_node(self, kind: str, ordinal: int) -> AddressedNode | None:
        """One of them."""
        kind_and_ordinal = (kind, ordinal)
        return next(
            (one for one in self.list_nodes() if (one.address.kind, one.address.ordinal) == kind_and_ordinal), None
        )

    def describe(self, *kinds: str) -> str:
        """What it looks like now, and the addresses in it; `kinds`: of these, if there are any."""
        all_nodes = [*self.list_nodes()]
        shown_nodes = [one for one in all_nodes if one.address.kind in kinds] or all_nodes
        node_lines = "\n".join(f"  {one.address}: {one.text}" for one in shown_nodes)
        hint = (
            f"\n`python -m simulation.mutation nodes {self.module}:{self.name}` prints all."
            if len(shown_nodes) < len(all_nodes)
            else ""
        )
        return f"It is now:\n\n{self.read_text(self.tree)}\n\nIts addresses:\n{node_lines}{hint}\n"

    def _iterate_nodes(self) -> Iterator[tuple[str, ast.AST, ast.AST, ByteSpan]]:
        table_node = _find_table(self.tree)
        for parent in _iterate_own_nodes(self.tree):
            for kind, node in _iterate_kinds(parent):
                if parent is table_node:
                    yield "row", node, parent, self.find_span(node)
                elif kind == "clause":
                    start, end = self.find_span(node)
                    for match in CLAUSE_PATTERN.finditer(self.source[start:end].decode()):
                        yield kind, node, parent, (start + match.start(), start + match.end())
                else:
                    yield kind, node, parent, self.find_span(node)


def _iterate_kinds(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
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
            if is_dynamodb_condition(node.value):
                yield "clause", node
        case ast.Assign() | ast.AnnAssign() if node.value:
            yield "value", node.value
        case _:
            pass
    if isinstance(node, ast.stmt):
        yield "statement", node


def is_dynamodb_condition(value: object) -> bool:
    """Whether a constant is a condition expression of DynamoDB."""
    return isinstance(value, str) and bool(CLAUSE_PATTERN.search(value)) and not NO_CONDITION_PATTERN.match(value)


def _iterate_own_nodes(definition: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a definition without its signature, its docstring, and the functions inside it."""
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        pending: list[ast.AST] = list(definition.body[1:] if ast.get_docstring(definition) else definition.body)
    else:
        pending = [definition]
    while pending:
        node = pending.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.JoinedStr):
            pending[:0] = [one for one in ast.iter_child_nodes(node) if not _is_annotation(node, one)]


def _is_annotation(node: ast.AST, child: ast.AST) -> bool:
    return child is getattr(node, "annotation", None)


def _find_table(definition: ast.stmt) -> ast.expr | None:
    """The display that a name is assigned, also as the last argument of a call, such as `frozenset({…})`: of rows."""
    value = definition.value if isinstance(definition, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Call) and value.args:
        value = value.args[-1]
    return value if isinstance(value, ast.Tuple | ast.List | ast.Set) else None


def _iterate_shape(
    node: ast.AST, numbers_by_name: dict[tuple[str, str], int], *, is_top: bool = False
) -> Iterator[str]:
    """A node's type and its parts; a name is the number of its first appearance, so that an exchange of two shows."""
    yield f"({type(node).__name__}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield CLAUSE_PATTERN.sub("clause", node.value) if is_dynamodb_condition(node.value) else ""
    else:
        for field, value in ast.iter_fields(node):
            if field in IGNORED_SHAPE_FIELDS or (is_top and field == "name"):
                continue
            namespace = "attribute" if field in ("attr", "kwd_attrs") or isinstance(node, ast.keyword) else "name"
            parts = cast("list[object]", value) if isinstance(value, list) else [value]
            yield f" {field}"
            yield from (
                part
                for one in parts
                if not _is_docstring(one)
                for part in _iterate_part(one, namespace, numbers_by_name)
            )
    yield ")"


def _iterate_part(part: object, namespace: str, numbers_by_name: dict[tuple[str, str], int]) -> Iterator[str]:
    match part:
        case ast.AST():
            yield from _iterate_shape(part, numbers_by_name)
        case str():
            yield f" {numbers_by_name.setdefault((namespace, part), len(numbers_by_name))}"
        case _:
            yield f" {part!r}"


def _is_docstring(part: object) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)


# -- the product's files -------------------------------------------------------------------------------------------


def find_module_file(module: str) -> Path:
    """A module's file, which need not be there."""
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def list_modules(package: str) -> list[str]:
    """A package's modules, with those of the packages in it; a module alone is its own."""
    file = find_module_file(package)
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    module_parts = (one.relative_to(PACKAGE).with_suffix("").parts for one in files)
    return [".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in module_parts]


def read_definitions(module: str) -> dict[str, Definition]:
    """All functions of a module, and the names that it or its classes assign, by qualified name."""
    file = find_module_file(module)
    return parse_definitions(module, file.read_bytes()) if file.is_file() else {}


@cache
def parse_definitions(module: str, source: bytes) -> dict[str, Definition]:
    """The definitions of a module that reads so."""
    line_starts = [0]
    for line in source.splitlines(keepends=True):
        line_starts.append(line_starts[-1] + len(line))
    definitions_by_name: dict[str, Definition] = {}
    for name, tree in _iterate_named_statements(ast.parse(source).body, ""):
        # Of overloads and fallbacks by the same name the last is what runs.
        definitions_by_name[name] = Definition(module, name, tree, source, tuple(line_starts))
    return definitions_by_name


def _iterate_named_statements(statements: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{prefix}{statement.name}", statement
                yield from _iterate_named_statements(
                    [one for one in ast.walk(statement) if isinstance(one, ast.FunctionDef) and one is not statement],
                    f"{prefix}{statement.name}.",
                )
            case ast.ClassDef():
                yield from _iterate_named_statements(statement.body, f"{prefix}{statement.name}.")
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name), value=ast.expr()):
                yield f"{prefix}{name}", statement
            case _:
                pass


def find_definition(module: str, name: str) -> Definition | None:
    """A function, or an assigned name; None where there is none."""
    return read_definitions(module).get(name)


def _describe_candidates(address: MutationAddress) -> str:
    """Where what was addressed may be now."""
    definitions_by_name = {
        f"{module}:{name}": one for module in list_modules("") for name, one in read_definitions(module).items()
    }
    same_shape = [place for place, one in definitions_by_name.items() if one.fingerprint == address.fingerprint]
    last = address.name.rpartition(".")[2]
    same_name = [place for place in definitions_by_name if re.split(r"[.:]", place)[-1] == last]
    similar_names = get_close_matches(address.definition_name, definitions_by_name, n=3, cutoff=0.8)
    lines = [f"  {place}" for place in dict.fromkeys((*same_shape, *same_name, *similar_names))]
    if not lines:
        return "Nothing in the package has its shape or its name."
    return "\n".join(
        ("These have its shape or its name; `python -m simulation.mutation rename OLD NEW` moves it:", *lines)
    )


def update_fingerprint(address: MutationAddress) -> MutationAddress:
    """The same address with the shape that its function has now."""
    definition = find_definition(address.module, address.name)
    return replace(address, fingerprint=definition.fingerprint) if definition else address
