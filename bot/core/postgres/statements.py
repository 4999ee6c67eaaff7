"""SQL as named text: `-- name --` begins a statement, the comment lines below it are its reason."""

import re
from importlib.resources import files

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def load_statements(package: str = "bot.core") -> dict[str, str]:
    """Read every statement of a package's `sql` by its name. Raises ValueError for a name that stands twice."""
    statements: dict[str, str] = {}
    for file in sorted(files(package).joinpath("sql").iterdir(), key=lambda entry: entry.name):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if name in statements:
                raise ValueError(f"statement {name} stands twice; once in {file.name}")
            statements[name] = text.strip()
    return statements
