"""The expression language: Jinja2's syntax, cut down to one safe subset.

`{{ }}` in prompts and values, bare in `if` and `check`. Jinja parses; what it parsed must consist of the 24 kinds of
nodes below and nothing else, checked before anything runs: no calls, loops, macros, imports, `**`, computed index, no
name that begins with `_`. What passes is turned into closures over JSON data. Jinja's own run time is never used, so a
hole in its sandbox is none here: an attribute is a look-up of a key in a map and can be nothing else.

    compile_expression("amount > 100 and not vip").evaluate(names)     -> JSON value
    compile_template("{{ amount }}").evaluate(names)                    -> JSON value, type kept
    compile_template("{{ amount | money }}.").render(names, filters)    -> text
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from ivr.dialog.events import JsonValue
from ivr.errors import IvrError

MAX_LENGTH: Final = 2_000
MAX_DEPTH: Final = 60
MAX_TEXT: Final = 20_000
MAX_NUMBER: Final = 1e300
"""Beyond it a float is infinite and an integer soon too long to be written down."""

ALLOWED_NODES: Final[frozenset[type[nodes.Node]]] = frozenset(
    {
        *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem),
        *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div),
        *(nodes.Neg, nodes.Pos, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.List, nodes.Tuple, nodes.Keyword),
    }
)
SPOKEN_FILTERS: Final = ("money", "date", "time", "digits", "number", "ordinal", "phone", "mask")
"""They speak the language of the turn, so the caller of `evaluate` supplies them."""
FILTERS: Final = (*SPOKEN_FILTERS, "join", "default", "length", "round")
TESTS: Final = ("defined", "undefined", "none", "true", "false", "number", "string")
RESERVED: Final = frozenset({"self", "loop", "caller", "varargs", "kwargs", "cycler", "joiner", "namespace", "lipsum"})

Filter: TypeAlias = Callable[..., JsonValue]
_Names: TypeAlias = Mapping[str, JsonValue]
_Run: TypeAlias = Callable[[_Names, Mapping[str, Filter]], JsonValue]

_WORDS = {
    nodes.Call: "a call `()`",
    nodes.For: "a loop",
    nodes.If: "a {% if %} block: write `a if x else b`",
    nodes.Pow: "the power `**`",
    nodes.Mod: "the remainder `%`",
    nodes.FloorDiv: "`//`",
    nodes.Concat: "`~`: write `{{ a }}{{ b }}`",
    nodes.Dict: "a map `{}`",
    nodes.Slice: "a slice `[:]`",
    nodes.Macro: "a macro",
    nodes.Import: "an import",
    nodes.FromImport: "an import",
    nodes.Include: "an include",
    nodes.Assign: "{% set %}",
}
_ENVIRONMENT = Environment(keep_trailing_newline=True, autoescape=False)  # noqa: S701 - parses only; the output is speech


class ExpressionError(IvrError):
    """An expression that is refused, or that has no value for these names (`error.expr`)."""


class MissingValue(ExpressionError):
    """A name or a field that has no value. `default` and `is defined` take it as an answer."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression or template. Immutable; share it between calls."""

    text: str
    names: frozenset[str]
    """Names it reads."""
    paths: frozenset[tuple[str, ...]]
    """The same with their fields: `("txn", "found")`."""
    filters: frozenset[str]
    tree: nodes.Node
    """Checked syntax tree, for the lint's types."""
    optional: frozenset[str]
    """Names that may be missing: under `default` or `is defined`."""
    _run: _Run

    def evaluate(self, names: _Names, filters: Mapping[str, Filter] | None = None) -> JsonValue:
        """Its value. A template that is one `{{ }}` keeps the type of it; any other gives text.

        Raises ExpressionError when a name is missing or the types do not fit.
        """
        try:
            return self._run(names, filters or {})
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise ExpressionError(f"`{_short(self.text)}` cannot be computed: {error}") from error

    def render(self, names: _Names, filters: Mapping[str, Filter] | None = None) -> str:
        """Its value as text. Raises ExpressionError, also for a value that is no text (a list, nothing)."""
        return as_text(self.evaluate(names, filters))

    def holds(self, names: _Names, filters: Mapping[str, Filter] | None = None) -> bool:
        """Its value as a condition."""
        return bool(self.evaluate(names, filters))


def is_template(value: object) -> bool:
    """True for a text with something to put in."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)


@lru_cache(maxsize=20_000)
def compile_expression(text: str) -> Expression:
    """A bare expression (`if`, `check`). Raises ExpressionError with the reason it is refused."""
    _check_length(text)
    if "{{" in text:
        raise ExpressionError("`if` and `check` take the expression bare, without {{ }}")
    try:
        parser = Parser(_ENVIRONMENT, text, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise ExpressionError(f"`{_short(text)}`: what follows `{_short(str(parser.stream.current))}` is too much")
    except (TemplateSyntaxError, RecursionError, ValueError) as error:
        raise ExpressionError(f"`{_short(text)}` is no expression: {_reason(error)}") from error
    return _finish(text, tree, _build(tree))


@lru_cache(maxsize=20_000)
def compile_template(text: str) -> Expression:
    """Text with `{{ }}`. Raises ExpressionError with the reason it is refused."""
    _check_length(text)
    try:
        tree = _ENVIRONMENT.parse(text)
    except (TemplateSyntaxError, RecursionError, ValueError) as error:
        raise ExpressionError(f"`{_short(text)}` is no template: {_reason(error)}") from error
    _check(tree, 0)
    if "{%" in text or "{#" in text:
        raise ExpressionError("`{% %}` and `{# #}` are not part of the expression language: only `{{ }}`")
    parts = [part for output in tree.body for part in output.nodes]  # type: ignore[attr-defined]  # Output: _check
    whole = [part for part in parts if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]
    if len(whole) == 1 and not isinstance(whole[0], nodes.TemplateData):
        return _finish(text, tree, _build(whole[0]))
    runs = [_build(part) for part in parts]
    return _finish(text, tree, lambda names, filters: _joined([as_text(run(names, filters)) for run in runs]))


def _check_length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"a text with {len(text):,} characters; templates may have {MAX_LENGTH:,}")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(getattr(error, "message", None) or error)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _joined(parts: Sequence[str]) -> str:
    text = "".join(parts)
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"a text with {len(text):,} characters; {MAX_TEXT:,} are allowed")
    return text


def as_text(value: JsonValue) -> str:
    """A value inside a text. Raises ExpressionError for nothing, lists and maps: nobody can hear those."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value)
    what = "nothing" if value is None else "a list: use `join`" if isinstance(value, list) else "a map: name a field"
    raise ExpressionError(f"a text cannot contain {what}")


# ------------------------------------------------------------------------------------------------ the allow-list


def _finish(text: str, tree: nodes.Node, run: _Run) -> Expression:
    paths = frozenset(_paths(tree))
    names = frozenset(path[0] for path in paths)
    used = frozenset(str(found.name) for found in _walk(tree) if isinstance(found, nodes.Filter))
    return Expression(text, names, paths, used, tree, frozenset(_optional(tree)), run)


def _check(node: nodes.Node, depth: int) -> None:
    """Refuse every node that is not on the list. Raises ExpressionError."""
    if type(node) not in ALLOWED_NODES:
        what = _WORDS.get(type(node), f"`{type(node).__name__.lower()}`")
        raise ExpressionError(f"{what} is not part of the expression language")
    if depth > MAX_DEPTH:
        raise ExpressionError("nested too deeply")
    problem = _problem(node)
    if problem:
        raise ExpressionError(problem)
    for child in node.iter_child_nodes():
        _check(child, depth + 1)


def _problem(node: nodes.Node) -> str:
    """What is wrong with an allowed node's own parts."""
    match node:
        case nodes.Name(name=name) if name.startswith("_") or name in RESERVED:
            return f"the name `{_short(name)}` is reserved"
        case nodes.Getattr(attr=attr) if attr.startswith("_"):
            return f"the field `{_short(attr)}` is reserved"
        case nodes.Getitem(arg=arg):
            return _index_problem(arg)
        case nodes.Filter(name=name) if name not in FILTERS:
            return f"there is no filter `{_short(name)}`; there are {', '.join(FILTERS)}"
        case nodes.Test(name=name) if name not in TESTS:
            return f"there is no test `{_short(name)}`; there are {', '.join(TESTS)}"
        case nodes.Test(args=args) if args:
            return "a test takes no arguments"
        case nodes.Filter(dyn_args=args, dyn_kwargs=kwargs) if args or kwargs:
            return "`*` and `**` in arguments are not part of the expression language"
        case nodes.Filter(node=None):
            return "a filter block is not part of the expression language"
        case nodes.Const(value=value) if isinstance(value, float) and not math.isfinite(value):
            return "a number that is too large"
        case nodes.Const(value=value) if not isinstance(value, str | int | float | bool | None):
            return "a constant that is no text or number"
    return ""


def _index_problem(arg: nodes.Node) -> str:
    if not isinstance(arg, nodes.Const) or isinstance(arg.value, bool) or not isinstance(arg.value, str | int):
        return "an index must be a number or a text, not computed"
    if isinstance(arg.value, str) and arg.value.startswith("_"):
        return f"the field `{_short(arg.value)}` is reserved"
    return ""


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _paths(node: nodes.Node) -> Iterator[tuple[str, ...]]:
    """Names with the fields read from them."""
    path = path_of(node)
    if path:
        yield path
        return
    for child in node.iter_child_nodes():
        yield from _paths(child)


def path_of(node: nodes.Node) -> tuple[str, ...]:
    """`("txn", "found")` for `txn.found`; empty for anything that is not a name with fields."""
    fields: list[str] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        fields.append(node.attr if isinstance(node, nodes.Getattr) else str(node.arg.value))  # type: ignore[attr-defined]
        node = node.node
    return (node.name, *reversed(fields)) if isinstance(node, nodes.Name) else ()


def _optional(tree: nodes.Node) -> Iterator[str]:
    """Names whose absence the expression handles itself."""
    for node in _walk(tree):
        inner: nodes.Node | None = None
        if (isinstance(node, nodes.Filter) and node.name == "default") or (
            isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}
        ):
            inner = node.node
        if inner is not None:
            yield from (path[0] for path in _paths(inner))


# ---------------------------------------------------------------------------------------------------- closures


def _build(node: nodes.Node) -> _Run:
    """The closure of a node; checks it first, so nothing unchecked is ever built."""
    _check(node, 0)
    return _compile(node)


def _compile(node: nodes.Node) -> _Run:
    return _COMPILERS[type(node)](node)


def _constant(node: Any) -> _Run:
    value = node.data if isinstance(node, nodes.TemplateData) else node.value
    return lambda names, filters: value


def _name(node: nodes.Name) -> _Run:
    key = node.name

    def run(names: _Names, filters: Mapping[str, Filter]) -> JsonValue:
        try:
            return names[key]
        except KeyError:
            raise MissingValue(f"`{key}` has no value") from None

    return run


def _field(node: Any) -> _Run:
    key = node.attr if isinstance(node, nodes.Getattr) else node.arg.value
    inner = _compile(node.node)
    shown = ".".join(path_of(node)) or str(key)

    def run(names: _Names, filters: Mapping[str, Filter]) -> JsonValue:
        holder = inner(names, filters)
        if isinstance(holder, Mapping) and str(key) in holder:
            return holder[str(key)]
        if isinstance(holder, list) and isinstance(key, int) and 0 <= key < len(holder):
            return holder[key]
        raise MissingValue(f"`{shown}` has no value")

    return run


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


def _compare(node: nodes.Compare) -> _Run:
    first = _compile(node.expr)
    rest = [(_COMPARE[operand.op], _compile(operand.expr)) for operand in node.ops]

    def run(names: _Names, filters: Mapping[str, Filter]) -> JsonValue:
        left = first(names, filters)
        for compare, other in rest:
            right = other(names, filters)
            if not compare(left, right):
                return False
            left = right
        return True

    return run


def _and(node: nodes.And) -> _Run:
    left, right = _compile(node.left), _compile(node.right)
    return lambda names, filters: left(names, filters) and right(names, filters)


def _or(node: nodes.Or) -> _Run:
    left, right = _compile(node.left), _compile(node.right)
    return lambda names, filters: left(names, filters) or right(names, filters)


def _not(node: nodes.Not) -> _Run:
    inner = _compile(node.node)
    return lambda names, filters: not inner(names, filters)


def _number(value: JsonValue) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"`{_short(str(value))}` is no number")
    return value


def _finite(value: int | float) -> int | float:
    if (isinstance(value, float) and not math.isfinite(value)) or abs(value) > MAX_NUMBER:
        raise ExpressionError("a number that is too large")
    return value


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[nodes.BinExpr], _Run]:
    def build(node: nodes.BinExpr) -> _Run:
        left, right = _compile(node.left), _compile(node.right)
        return lambda names, filters: _finite(compute(_number(left(names, filters)), _number(right(names, filters))))

    return build


def _add(node: nodes.Add) -> _Run:
    left, right = _compile(node.left), _compile(node.right)

    def run(names: _Names, filters: Mapping[str, Filter]) -> JsonValue:
        first, second = left(names, filters), right(names, filters)
        if isinstance(first, str) and isinstance(second, str):
            return _joined([first, second])
        return _finite(_number(first) + _number(second))

    return run


def _sign(compute: Callable[[Any], Any]) -> Callable[[nodes.UnaryExpr], _Run]:
    def build(node: nodes.UnaryExpr) -> _Run:
        inner = _compile(node.node)
        return lambda names, filters: compute(_number(inner(names, filters)))

    return build


def _either(node: nodes.CondExpr) -> _Run:
    condition, yes = _compile(node.test), _compile(node.expr1)
    no = _compile(node.expr2) if node.expr2 is not None else None

    def run(names: _Names, filters: Mapping[str, Filter]) -> JsonValue:
        if condition(names, filters):
            return yes(names, filters)
        return no(names, filters) if no is not None else ""

    return run


def _list(node: Any) -> _Run:
    items = [_compile(item) for item in node.items]
    return lambda names, filters: [item(names, filters) for item in items]


def _test(node: nodes.Test) -> _Run:
    inner, name = _compile(node.node), node.name
    if name in {"defined", "undefined"}:
        return lambda names, filters: _is_defined(inner, names, filters) == (name == "defined")
    checks: dict[str, Callable[[JsonValue], bool]] = {
        "none": lambda value: value is None,
        "true": lambda value: value is True,
        "false": lambda value: value is False,
        "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "string": lambda value: isinstance(value, str),
    }
    check = checks[name]
    return lambda names, filters: check(inner(names, filters))


def _is_defined(inner: _Run, names: _Names, filters: Mapping[str, Filter]) -> bool:
    try:
        inner(names, filters)
    except MissingValue:
        return False
    return True


def _filter(node: nodes.Filter) -> _Run:
    assert node.node is not None  # a filter block has been refused
    inner, name = _compile(node.node), node.name
    args = [_compile(arg) for arg in node.args]
    kwargs = {str(pair.key): _compile(pair.value) for pair in node.kwargs}
    if name == "default":
        return _default(inner, args)

    def run(names: _Names, filters: Mapping[str, Filter]) -> JsonValue:
        value = inner(names, filters)
        call = filters.get(name) or _OWN_FILTERS.get(name)
        if call is None:
            raise ExpressionError(f"the filter `{name}` is not there")
        given = {key: arg(names, filters) for key, arg in kwargs.items()}
        return call(value, *[arg(names, filters) for arg in args], **given)

    return run


def _default(inner: _Run, args: list[_Run]) -> _Run:
    if len(args) != 1:
        raise ExpressionError("`default` takes one value: `x | default('...')`")

    def run(names: _Names, filters: Mapping[str, Filter]) -> JsonValue:
        try:
            value = inner(names, filters)
        except MissingValue:
            value = None
        return args[0](names, filters) if value is None else value

    return run


def _join(value: JsonValue, separator: JsonValue = "") -> JsonValue:
    if not isinstance(value, list) or not isinstance(separator, str):
        raise ExpressionError("`join` takes a list and a text")
    if len(separator) * len(value) > MAX_TEXT:
        raise ExpressionError("a list that is too long")
    return _joined([separator.join(as_text(item) for item in value)])


def _length(value: JsonValue) -> JsonValue:
    if not isinstance(value, list | str | dict):
        raise ExpressionError("`length` takes a list, a text or a map")
    return len(value)


def _round(value: JsonValue, places: JsonValue = 0) -> JsonValue:
    if isinstance(places, bool) or not isinstance(places, int) or not 0 <= places <= 12:
        raise ExpressionError("`round` takes 0 to 12 places")
    rounded = round(_number(value), places)
    return int(rounded) if places == 0 else rounded


_OWN_FILTERS: dict[str, Filter] = {"join": _join, "length": _length, "round": _round}

_COMPILERS: dict[type[nodes.Node], Callable[[Any], _Run]] = {
    nodes.TemplateData: _constant,
    nodes.Const: _constant,
    nodes.Name: _name,
    nodes.Getattr: _field,
    nodes.Getitem: _field,
    nodes.Compare: _compare,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.Add: _add,
    nodes.Sub: _arithmetic(operator.sub),
    nodes.Mul: _arithmetic(operator.mul),
    nodes.Div: _arithmetic(operator.truediv),
    nodes.Neg: _sign(operator.neg),
    nodes.Pos: _sign(operator.pos),
    nodes.CondExpr: _either,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.List: _list,
    nodes.Tuple: _list,
}
