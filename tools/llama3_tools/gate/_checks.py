"""Which checks look at which kind of node."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType

from llama3_tools.gate import _calls, _resources, _syntax

CHECKS: Mapping[type[ast.AST], tuple[_syntax.Check, ...]] = MappingProxyType(
    {
        ast.Import: (_syntax.check_import,),
        ast.ImportFrom: (_syntax.check_import,),
        ast.Name: (_syntax.check_reference,),
        ast.Attribute: (_syntax.check_reference, _syntax.check_internals, _syntax.check_namespace),
        ast.Subscript: (_syntax.check_namespace, _syntax.check_environment),
        ast.Call: (_calls.check_call, _resources.check_size),
        ast.BinOp: (_resources.check_size,),
        ast.While: (_resources.check_loop,),
        ast.For: (_resources.check_loop,),
        ast.Assign: (_resources.check_secret,),
        ast.keyword: (_resources.check_secret,),
    }
)
