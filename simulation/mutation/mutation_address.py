"""Where a mutant changes the product: a module, a function, and one node of its syntax tree.

`render.service:RenderService._buy#3fa9c1 if 2` is the test of the second `if` in that method, in source order. A name
that a module or a class assigns may take the place of the function: `reconcile.sweep:SWEPT_KINDS#51c0de row 2`. The
digits are a fingerprint of the function's shape. Renames and changes of texts or layout keep it; every other change
breaks it, and then a developer checks what the address means now (`python -m simulation.mutation check`).
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
# Expressions that look like DynamoDB conditions but are not.
NO_CONDITION_PATTERN = re.compile(r"SET |ADD |REMOVE |DELETE |.* BETWEEN ")
# Fields of syntax trees that do not affect what the code does.
IGNORED_SHAPE_FIELDS = ("annotation", "returns", "type_comment", "type_params", "kind", "ctx", "simple")
type ByteSpan = tuple[int, int]
"""The first byte of a range in a file, and the byte after its end."""


class AddressError(Exception):
    """An address that does not fit the product. The message shows the function as it is now, and its addresses."""


@dataclass(frozen=True)
class MutationAddress:
    """`module` is relative to the package; `name` is the qualified name in the module."""

    module: str
    name: str
    fingerprint: str
    kind: str
    ordinal: int

    @classmethod
    def parse(cls, text: str) -> "MutationAddress":
        """Parses an address. Raises AddressError if the text is not an address."""
        match = ADDRESS_PATTERN.fullmatch(text)
        if not match:
            raise AddressError(f"{text!r} is not an address of the form module:name#fingerprint kind ordinal")
        module, name, fingerprint, kind, ordinal = match.groups()
        return cls(module, name, fingerprint, kind, int(ordinal))

    def __str__(self) -> str:
        return f"{self.definition_name}#{self.fingerprint} {self.kind} {self.ordinal}"

    @property
    def definition_name(self) -> str:
        """The module, and the function or the name in it."""
        return f"{self.module}:{self.name}"

    @property
    def file(self) -> str:
        """The module's file, relative to the package."""
        return str(find_module_file(self.module).relative_to(PACKAGE))

    def find_node(self) -> "AddressedNode":
        """Returns the addressed node. Raises AddressError if its function is not the one that was addressed."""
        definition = find_definition(self.module, self.name)
        if definition is None:
            raise AddressError(f"{self}: {self.definition_name} does not exist.\n{_describe_candidates(self)}")
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
    """A node that a mutant may change. `parent`: the node that contains it. `span`: its bytes in the file."""

    address: MutationAddress
    definition: "Definition"
    tree: ast.AST
    parent: ast.AST
    span: ByteSpan

    @property
    def text(self) -> str:
        """The source of the node in one line."""
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
        """A hash of the syntax tree, with numbers for names, and without texts other than DynamoDB conditions."""
        return sha256("".join(_iterate_shape(self.tree, {}, is_top=True)).encode()).hexdigest()[:6]

    def read_text(self, node: ast.AST) -> str:
        return self.source[slice(*self.find_span(node))].decode()

    def find_span(self, node: ast.AST) -> ByteSpan:
        """Returns the position of a node in the file."""
        copy = ast.Expr(ast.Constant(None))
        ast.copy_location(copy, node)
        return (
            self.line_starts[copy.lineno - 1] + copy.col_offset,
            self.line_starts[(copy.end_lineno or 0) - 1] + (copy.end_col_offset or 0),
        )

    def list_nodes(self) -> Iterator[AddressedNode]:
        """Yields all addressable nodes, in source order."""
        ordinals: Counter[str] = Counter()
        for kind, node, parent, span in self._iterate_nodes():
            ordinals[kind] += 1
            address = MutationAddress(self.module, self.name, self.fingerprint, kind, ordinals[kind])
            yield AddressedNode(address, self, node, parent, span)

    def find_node(self, kind: str, ordinal: int) -> AddressedNode | None:
        kind_and_ordinal = (kind, ordinal)
        return next(
            (node for node in self.list_nodes() if (node.address.kind, node.address.ordinal) == kind_and_ordinal), None
        )

    def describe(self, *kinds: str) -> str:
        """Describes the definition as it is now, and its addresses; only those of `kinds`, if it has any."""
        all_nodes = [*self.list_nodes()]
        shown_nodes = [node for node in all_nodes if node.address.kind in kinds] or all_nodes
        node_lines = "\n".join(f"  {node.address}: {node.text}" for node in shown_nodes)
        hint = (
            f"\n`python -m simulation.mutation nodes {self.module}:{self.name}` prints all of them."
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
    """Yields the addressable parts of a node, by kind."""
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
            yield from (("argument", argument) for argument in node.args)
            yield from (("keyword", keyword) for keyword in node.keywords)
        case ast.Tuple() | ast.List() | ast.Set() if isinstance(getattr(node, "ctx", None), ast.Load | None):
            yield from (("element", element) for element in node.elts)
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
    """Whether a constant is a DynamoDB condition expression."""
    return isinstance(value, str) and bool(CLAUSE_PATTERN.search(value)) and not NO_CONDITION_PATTERN.match(value)


def _iterate_own_nodes(definition: ast.stmt) -> Iterator[ast.AST]:
    """Yields the nodes of a definition without its signature, its docstring, and the functions inside it."""
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        pending: list[ast.AST] = list(definition.body[1:] if ast.get_docstring(definition) else definition.body)
    else:
        pending = [definition]
    while pending:
        node = pending.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.JoinedStr):
            pending[:0] = [child for child in ast.iter_child_nodes(node) if not _is_annotation(node, child)]


def _is_annotation(node: ast.AST, child: ast.AST) -> bool:
    return child is getattr(node, "annotation", None)


def _find_table(definition: ast.stmt) -> ast.expr | None:
    """Returns the assigned tuple, list, or set, which may be the last argument of a call such as `frozenset({…})`."""
    value = definition.value if isinstance(definition, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Call) and value.args:
        value = value.args[-1]
    return value if isinstance(value, ast.Tuple | ast.List | ast.Set) else None


def _iterate_shape(
    node: ast.AST, numbers_by_name: dict[tuple[str, str], int], *, is_top: bool = False
) -> Iterator[str]:
    """Yields a node's type and parts. Each name is the number of its first appearance, so that swapped names differ."""
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
                for value_part in parts
                if not _is_docstring(value_part)
                for part in _iterate_part(value_part, namespace, numbers_by_name)
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


# -- the product's files ----------------------------------------------------------------------------------------


def find_module_file(module: str) -> Path:
    """Returns a module's file, which need not exist."""
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def list_modules(package: str) -> list[str]:
    """Returns the modules of a package and its subpackages; a module is its own package."""
    file = find_module_file(package)
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    module_parts = (path.relative_to(PACKAGE).with_suffix("").parts for path in files)
    return [".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in module_parts]


def read_definitions(module: str) -> dict[str, Definition]:
    """Returns all functions of a module, and the names that it or its classes assign, by qualified name."""
    file = find_module_file(module)
    return parse_definitions(module, file.read_bytes()) if file.is_file() else {}


@cache
def parse_definitions(module: str, source: bytes) -> dict[str, Definition]:
    """Returns the definitions in a module's source."""
    line_starts = [0]
    for line in source.splitlines(keepends=True):
        line_starts.append(line_starts[-1] + len(line))
    definitions_by_name: dict[str, Definition] = {}
    for name, tree in _iterate_named_statements(ast.parse(source).body, ""):
        # Of overloads and fallbacks with the same name, the last one is used at run time.
        definitions_by_name[name] = Definition(module, name, tree, source, tuple(line_starts))
    return definitions_by_name


def _iterate_named_statements(statements: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{prefix}{statement.name}", statement
                yield from _iterate_named_statements(
                    [
                        node
                        for node in ast.walk(statement)
                        if isinstance(node, ast.FunctionDef) and node is not statement
                    ],
                    f"{prefix}{statement.name}.",
                )
            case ast.ClassDef():
                yield from _iterate_named_statements(statement.body, f"{prefix}{statement.name}.")
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name), value=ast.expr()):
                yield f"{prefix}{name}", statement
            case _:
                pass


def find_definition(module: str, name: str) -> Definition | None:
    """Returns a function or an assigned name; None if it does not exist."""
    return read_definitions(module).get(name)


def _describe_candidates(address: MutationAddress) -> str:
    """Lists the definitions that may be the addressed one."""
    definitions_by_name = {
        f"{module}:{name}": definition
        for module in list_modules("")
        for name, definition in read_definitions(module).items()
    }
    same_shape = [
        name for name, definition in definitions_by_name.items() if definition.fingerprint == address.fingerprint
    ]
    last_part = address.name.rpartition(".")[2]
    same_name = [name for name in definitions_by_name if re.split(r"[.:]", name)[-1] == last_part]
    similar_names = get_close_matches(address.definition_name, definitions_by_name, n=3, cutoff=0.8)
    lines = [f"  {name}" for name in dict.fromkeys((*same_shape, *same_name, *similar_names))]
    if not lines:
        return "No definition in the package has its shape or its name."
    return "\n".join(
        (
            "These have its shape or its name; `python -m simulation.mutation rename OLD NEW` changes the address:",
            *lines,
        )
    )


def update_fingerprint(address: MutationAddress) -> MutationAddress:
    """Returns the address with the current fingerprint of its function."""
    definition = find_definition(address.module, address.name)
    return replace(address, fingerprint=definition.fingerprint) if definition else address
