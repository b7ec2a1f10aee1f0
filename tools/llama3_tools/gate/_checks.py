"""Which checks look at which kind of node."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType

from llama3_tools.gate import _calls, _crypto, _loops, _recursion, _secrets, _sizes, _syntax
from llama3_tools.gate._cell import Check

CHECKS: Mapping[type[ast.AST], tuple[Check, ...]] = MappingProxyType(
    {
        ast.Import: (_syntax.check_import,),
        ast.ImportFrom: (_syntax.check_import,),
        ast.Name: (_syntax.check_reference,),
        ast.Attribute: (_syntax.check_reference, _syntax.check_internals, _syntax.check_namespace),
        ast.Subscript: (_syntax.check_namespace, _syntax.check_environment),
        ast.Call: (_calls.check_call, _sizes.check_size, _loops.check_consumer),
        ast.BinOp: (_sizes.check_size,),
        ast.While: (_loops.check_loop,),
        ast.For: (_loops.check_loop,),
        ast.ListComp: (_loops.check_consumer,),
        ast.SetComp: (_loops.check_consumer,),
        ast.DictComp: (_loops.check_consumer,),
        ast.FunctionDef: (_recursion.check_recursion, _crypto.check_randomness),
        ast.Assign: (
            _secrets.check_secret,
            _crypto.check_settings,
            _crypto.check_randomness,
            _recursion.check_recursion,
        ),
        ast.AnnAssign: (_secrets.check_secret, _crypto.check_randomness),
        ast.AugAssign: (_crypto.check_randomness,),
        ast.NamedExpr: (_secrets.check_secret,),
        ast.keyword: (_secrets.check_secret, _crypto.check_randomness),
        ast.Dict: (_secrets.check_secret,),
        ast.arguments: (_secrets.check_secret,),
        ast.Compare: (_secrets.check_secret,),
        ast.Constant: (_secrets.check_secret,),
    }
)
