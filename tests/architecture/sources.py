"""The project's own files, as the architecture tests walk them."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = frozenset({".git", ".hypothesis", ".venv", ".vestibule", "artefacts", "build", "node_modules", "results"})


def code_files() -> list[Path]:
    """List the Python files of the service itself."""
    return sorted(path for folder in ("app", "workers") for path in (ROOT / folder).rglob("*.py"))


def text_files() -> Iterator[tuple[Path, str]]:
    """Yield every file of the project that is UTF-8 text, with its text; caches are left out."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith(("cache", "cache__"))]
        for path in (Path(folder, name) for name in names if name not in NOT_OURS):  # .git is a file in a worktree
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # an image or a compiled file


def function_lengths(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function and method of a file with its number of lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def used_names(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each dotted name that a file uses, as its imports spell it out, with the line (`time.time`, 12)."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imported = dict(_imports(tree))
    for node in ast.walk(tree):
        dotted = _dotted(node)
        if dotted:
            first, _, rest = dotted.partition(".")
            yield f"{imported.get(first, first)}{'.' if rest else ''}{rest}", getattr(node, "lineno", 0)


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dotted(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            before = _dotted(value)
            return f"{before}.{attribute}" if before else None
        case _:
            return None
