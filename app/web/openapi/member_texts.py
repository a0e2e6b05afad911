"""What is written beneath the members of a model, as its members are described in the document.

Read from the source when the document is made: pydantic's `use_attribute_docstrings` looks for the source of each model
when its module is imported, which was a tenth of the time that a web process took to start.
"""

import ast
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel

from app.documents.fields import Document


def member_texts(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the docstring of each member that has one, its own or a base's, by name; of a `Document` alone."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Document):
            texts |= _texts_by_class(base.__module__).get(base.__name__, {})
    return texts


@cache
def _texts_by_class(module: str) -> Mapping[str, Mapping[str, str]]:
    tree = ast.parse(Path(sys.modules[module].__file__ or "").read_bytes())
    return {node.name: _texts(node.body) for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts(body: Sequence[ast.stmt]) -> dict[str, str]:
    found: dict[str, str] = {}
    for member, below in pairwise(body):
        match member, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = cleandoc(text)
    return found
