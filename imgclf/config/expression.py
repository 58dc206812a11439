"""Arithmetic over `epoch` and `lr`, read from a config without ever calling `eval`.

The text is parsed into a tree by `ast`, and the tree may hold only what is listed here; all
numbers are floats, so no power can fill the memory.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from imgclf.errors import nearest_match

LONGEST = 500

CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "abs": abs,
    "cos": math.cos,
    "exp": math.exp,
    "log": math.log,
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
}
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,  # not `**`, which answers with a complex number where there is no real one
}
_SIGNS: Mapping[type[ast.unaryop], Callable[[float], float]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def parse(text: str, variables: tuple[str, ...]) -> ast.expr:
    """Parses and checks an expression.

    Args:
        text: Such as `lr * 0.5 if epoch > 3 else lr`.
        variables: The names that it may use, besides the constants `pi` and `e`.

    Raises:
        ValueError: It isn't arithmetic; the message says what is in the way and what is allowed.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"an expression is needed, such as 'lr * exp(-0.1)'; received: {text!r}")
    if len(text) > LONGEST:
        raise ValueError(f"the expression is longer than {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree, variables)
    except SyntaxError as error:
        raise ValueError(f"{text!r} is not an expression: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ValueError("the expression is nested too deeply") from None
    return tree


def evaluate(tree: ast.expr, values: Mapping[str, float]) -> float:
    """The value of a parsed expression.

    Raises:
        ValueError: It has no finite value here (a division by zero, the root of a negative
            number, an overflow).
    """
    where = ", ".join(f"{name} = {value:g}" for name, value in values.items())
    try:
        value = float(_value(tree, values))
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{ast.unparse(tree)!r} has no value at {where}: {error}") from None
    if not math.isfinite(value):
        raise ValueError(f"{ast.unparse(tree)!r} is not finite at {where}")
    return value


def _check(node: ast.expr, variables: tuple[str, ...]) -> None:
    match node:
        case ast.Constant(value=bool()):
            raise _refused(node)
        case ast.Constant(value=int() | float()):
            _number(node)
            return
        case ast.Name(id=name):
            known = (*variables, *CONSTANTS)
            if name not in known:
                near = nearest_match(name, known)
                hint = f"; did you mean {near!r}?" if near else ""
                raise ValueError(f"unknown name {name!r}; allowed: {', '.join(known)}{hint}")
            return
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            parts = [left, right]
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _SIGNS:
            parts = [operand]
        case ast.BoolOp(values=values):
            parts = values
        case ast.Compare(ops=ops, left=left, comparators=others) if all(
            type(op) in _COMPARISONS for op in ops
        ):
            parts = [left, *others]
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            parts = [test, body, otherwise]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            _check_call(name, len(arguments))
            parts = arguments
        case _:
            raise _refused(node)
    for part in parts:
        _check(part, variables)


def _check_call(name: str, count: int) -> None:
    if name not in FUNCTIONS:
        near = nearest_match(name, FUNCTIONS)
        hint = f"; did you mean {near!r}?" if near else ""
        raise ValueError(f"unknown function {name!r}; allowed: {', '.join(FUNCTIONS)}{hint}")
    if name in ("min", "max"):
        if count < 2:
            raise ValueError(f"{name} takes two numbers or more; received: {count}")
    elif count != 1:
        raise ValueError(f"{name} takes one number; received: {count}")


def _refused(node: ast.expr) -> ValueError:
    return ValueError(
        f"{ast.unparse(node)!r} is not allowed in an expression; allowed: numbers, names, "
        "+ - * / // % **, comparisons, and/or/not, `a if test else b`, "
        f"and the functions {', '.join(FUNCTIONS)}"
    )


def _number(node: ast.Constant) -> float:
    try:
        return float(node.value)  # type: ignore[arg-type]
    except OverflowError:
        raise ValueError("a number in the expression is too large") from None


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    match node:
        case ast.Constant():
            return _number(node)
        case ast.Name(id=name):
            return values[name] if name in values else CONSTANTS[name]
        case ast.BinOp(op=op, left=left, right=right):
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(op=sign, operand=operand):
            return _SIGNS[type(sign)](_value(operand, values))
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.Compare(ops=ops, left=left, comparators=others):
            numbers = [_value(part, values) for part in (left, *others)]
            return all(
                _COMPARISONS[type(op)](a, b)
                for op, a, b in zip(ops, numbers, numbers[1:], strict=False)
            )
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            return _value(body if _value(test, values) else otherwise, values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(_value(part, values) for part in arguments))
    raise AssertionError(f"not checked: {ast.dump(node)}")
