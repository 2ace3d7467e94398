"""The functions that the catalogue refers to by name; importing this package registers them all.

A new rule, permission rule, effect or named insert is one function here, and its name in a schema.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
