"""The CEL library without its command line.

`import cel` also imports a prompt and a pretty-printer for the terminal, which takes longer than all the rest of this
server's start. The two modules needed are therefore imported below a bare package, which is withdrawn again: whoever
imports `cel` later gets all of it.
"""

import importlib
import importlib.util
import sys
from types import ModuleType


def _load() -> tuple[ModuleType, ModuleType]:
    spec = importlib.util.find_spec("cel")
    if "cel" in sys.modules or spec is None:
        return importlib.import_module("cel.cel"), importlib.import_module("cel.stdlib")
    package = ModuleType("cel")
    package.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["cel"] = package
    try:
        return importlib.import_module("cel.cel"), importlib.import_module("cel.stdlib")
    finally:
        del sys.modules["cel"]


_core, _stdlib = _load()
Context = _core.Context
OptionalValue = _core.OptionalValue
compile_expression = _core.compile
FUNCTIONS: tuple[str, ...] = tuple(_stdlib.STDLIB_FUNCTIONS)
add_functions = _stdlib.add_stdlib_to_context
