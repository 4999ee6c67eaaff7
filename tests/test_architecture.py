"""The structure that no linter keeps: sizes, state, statements, documents, locks."""

import ast
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.postgres.statements import load_statements
from bot.core.settings import Settings
from bot.utils.optimizer.samples import Sample
from bot.utils.optimizer.study import known_probes

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES = 400

# What may be built when a module is imported: types, patterns, frozen values, loggers (which hold no state of ours).
BUILDERS = frozenset(
    {
        "Actor",
        "BotId",
        "ChannelId",
        "Effort",
        "GroupId",
        "MappingProxyType",
        "NewType",
        "Operator",
        "Path",
        "Raw",
        "Scale",
        "Target",
        "TypeVar",
        "files",
        "frozenset",
        "range",
        "re.compile",
        "structlog.stdlib.get_logger",
        "timedelta",
        "tuple",
        "UUID",
        "UserId",
    }
)
# Statements that only an operator's tool runs.
RUN_BY_TOOLS = frozenset({"get_protected_group"})
IMMUTABLE_ANNOTATIONS = ("Mapping", "Sequence", "Final[Mapping", "Final[Sequence", "TypeAlias")

# Spelt in parts, so that this file passes its own test.
FORBIDDEN = (
    "/wo" + "rk/",
    "/tm" + "p/w/",
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry.np" + "mjs",
    "GMBOT_RE" + "QUIRE",
)
TEXTS = frozenset(
    {
        "",
        ".cfg",
        ".conf",
        ".css",
        ".html",
        ".ini",
        ".js",
        ".json",
        ".lock",
        ".md",
        ".po",
        ".py",
        ".sql",
        ".toml",
        ".txt",
        ".yml",
    }
)


def python_files(*tops: str) -> list[Path]:
    """Return the Python files below these directories."""
    return sorted(path for top in tops for path in (ROOT / top).rglob("*.py"))


def tracked_files() -> list[Path]:
    """Return what belongs to the project: every file that is neither a cache nor an environment."""
    tops = [
        top for top in ROOT.iterdir() if not top.name.startswith(".") or top.name in {".ci", ".github", ".gitignore"}
    ]
    found = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*"))]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def name_of(path: Path) -> str:
    """Return a path as it is written in messages."""
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def test_imports_keep_the_contracts() -> None:
    """Every layer imports only what lies below it."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert outcome.returncode == 0, outcome.stdout


def test_modules_fit_the_head() -> None:
    """No module is longer than 400 lines."""
    long = {
        name_of(path): lines
        for path in python_files("bot")
        if (lines := len(path.read_text().splitlines())) > MOST_LINES
    }

    assert long == {}


def exemptions(path: Path) -> Iterator[str]:
    """Yield the exemptions from a linter that give no reason or no rule."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type != tokenize.COMMENT or not re.search(r"noqa|type: ?ignore|pragma: ?no", token.string):
                continue
            if not re.search(r"noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \S|type: ignore\[[\w, -]+\]\s+# \S", token.string):
                yield f"{name_of(path)}:{token.start[0]}: {token.string}"


def test_every_exemption_names_its_rule_and_its_reason() -> None:
    """A linter told to be quiet says which rule and why, on the same line."""
    bare = [
        exemption for path in python_files("bot", "tests", "migrations", "scripts") for exemption in exemptions(path)
    ]

    assert bare == []


def module_statements(path: Path) -> Iterator[ast.stmt]:
    """Yield what runs when the module is imported, without the bodies of functions and classes."""
    waiting: list[ast.stmt] = list(parsed(path).body)
    while waiting:
        statement = waiting.pop(0)
        yield statement
        for field in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                waiting.extend(getattr(statement, field, []))


def mutable(value: ast.expr) -> bool:
    """Whether an expression makes something that can change."""
    if isinstance(value, ast.Tuple):
        return any(mutable(element) for element in value.elts)
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) not in BUILDERS
    return isinstance(
        value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp
    )


def state_of(path: Path) -> Iterator[str]:
    """Yield the module's variables that can change."""
    for statement in module_statements(path):
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            continue
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.annotation).startswith(IMMUTABLE_ANNOTATIONS):
            continue
        if (
            isinstance(statement, ast.Assign | ast.AnnAssign)
            and statement.value is not None
            and mutable(statement.value)
        ):
            yield f"{name_of(path)}:{statement.lineno}: {ast.unparse(statement)[:80]}"


def test_no_module_holds_state() -> None:
    """Importing a module builds no list, dict, set or object that could change."""
    assert [state for path in python_files("bot") for state in state_of(path)] == []


@pytest.mark.parametrize(
    "fault",
    [
        "CACHE = {}",
        "SEEN: set[int] = set()",
        "names = [1]",
        "client = Client()",
        "PAIR = ({}, 1)",
        "if True:\n    found = []",
    ],
)
def test_state_is_noticed(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above sees what it looks for."""
    monkeypatch.setattr("tests.test_architecture.ROOT", tmp_path)
    module = tmp_path / "module.py"
    module.write_text(fault)

    assert len(list(state_of(module))) == 1


def test_nothing_is_global() -> None:
    """No function rebinds a module's variable."""
    found = [
        name_of(path)
        for path in python_files("bot", "tests", "scripts")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Global)
    ]

    assert found == []


def test_no_default_is_mutable() -> None:
    """No function shares a default between its calls."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in python_files("bot", "tests", "scripts")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for default in [*node.args.defaults, *node.args.kw_defaults]
        if isinstance(default, ast.List | ast.Dict | ast.Set)
    ]

    assert found == []


def test_nothing_is_mocked() -> None:
    """Tests use real servers, the simulator and fakes."""
    importing = (ast.Import, ast.ImportFrom)
    found = [
        name_of(path)
        for path in python_files("bot", "tests", "scripts")
        for node in ast.walk(parsed(path))
        if isinstance(node, importing) and re.search(r"\bmock\b|MagicMock|AsyncMock", ast.unparse(node))
    ]

    assert found == []


def statement_calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield each statement's name that the code runs, where, and the call."""
    # The operators' tools have questions of their own to PostgreSQL.
    for path in sorted(set(python_files("bot")) - set(python_files("bot/utils"))):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = node.args[0]
                if node.func.attr in {"row", "rows", "execute", "many"} and isinstance(first, ast.Constant):
                    yield str(first.value), f"{name_of(path)}:{node.lineno}", node


def statements_named() -> Iterator[tuple[str, str]]:
    """Yield each statement's name that the code runs, and where."""
    return ((name, where) for name, where, _ in statement_calls())


def test_every_statement_gets_its_values() -> None:
    """A call passes as many values as its statement has places."""
    places = {name: max(map(int, re.findall(r"\$(\d+)", text)), default=0) for name, text in load_statements().items()}
    wrong = [
        f"{where}: {name} has {places[name]} places, {len(call.args) - 1} values are passed"
        for name, where, call in statement_calls()
        if name in places and isinstance(call.func, ast.Attribute) and call.func.attr != "many"
        if not any(isinstance(value, ast.Starred) for value in call.args) and len(call.args) - 1 != places[name]
    ]

    assert wrong == []


def test_every_probe_gets_its_values() -> None:
    """The database optimizer tries each statement with as many values as it has places."""
    row: dict[str, object] = defaultdict(int)
    sample = Sample(0, datetime(2026, 1, 1, tzinfo=UTC), row, row, row, row, row, row, row, row)
    statements = load_statements()
    wrong = [
        f"{probe.statement} has {places} places, its probe {len(probe.values(sample))} values"
        for probe in known_probes()
        if (places := max(map(int, re.findall(r"\$(\d+)", statements[probe.statement])), default=0))
        != len(probe.values(sample))
    ]

    assert wrong == []


def test_every_statement_that_is_run_exists() -> None:
    """A misspelt statement is found here and not at night."""
    known = load_statements()

    assert [
        (name, where) for name, where in statements_named() if re.fullmatch(r"\w+", name) and name not in known
    ] == []


def test_every_statement_has_one_home() -> None:
    """Each SQL text is run, and by one module only."""
    homes: dict[str, set[str]] = {name: set() for name in load_statements().keys() - RUN_BY_TOOLS}
    for name, where in statements_named():
        homes.setdefault(name, set()).add(where.partition(":")[0])

    assert {name: modules for name, modules in homes.items() if len(modules) != 1} == {}


def test_every_setting_is_documented() -> None:
    """The page on configuration has a row for each setting, and none for another."""
    page = (ROOT / "docs" / "operations" / "configuration.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([A-Z0-9_]+)` ", page, re.MULTILINE)

    assert sorted(documented) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_hold_hashes_and_no_hosts(lock: str) -> None:
    """A lock pins every file by its hash and says nothing of where it comes from."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.findall(r"^[a-z0-9][\w.\[\]-]*==.*(?:\n    .*)*", text, re.MULTILINE | re.IGNORECASE)

    assert len(entries) > 10
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?://\S+|--index\S*|--find-links\S*", text) == []


def test_the_project_speaks_only_of_itself() -> None:
    """No file names a machine's paths or the host of a package index."""
    found = [
        f"{name_of(path)}: {word}"
        for path in tracked_files()
        if path.suffix in TEXTS
        for word in FORBIDDEN
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]

    assert found == []


def documents() -> list[Path]:
    """Return the documents."""
    return [path for path in tracked_files() if path.suffix == ".md"]


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(path: Path) -> Iterator[str]:
    """Yield the relative links of a document that lead nowhere."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, fragment = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        file = (path.parent / target).resolve() if target else path
        if not file.exists():
            yield f"{name_of(path)}: {link}"
        elif fragment and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            if fragment not in {anchor(heading) for heading in headings}:
                yield f"{name_of(path)}: {link}"


def test_links_lead_somewhere() -> None:
    """Every relative link in a document ends at a file, and at a heading where it names one."""
    assert [link for path in documents() for link in broken_links(path)] == []


def test_paths_named_in_documents_exist() -> None:
    """A document that names a file of the project names one that is there."""
    prefixes = r"(?:bot|tests|docs|migrations|scripts|openspec)/[\w./-]*\w"
    named = {
        (name_of(path), found)
        for path in documents()
        for found in re.findall(rf"`({prefixes})`", path.read_text(encoding="utf-8"))
    }

    assert sorted(pair for pair in named if not (ROOT / pair[1]).exists()) == []


def test_no_test_is_left_out_but_for_a_named_reason() -> None:
    """A test is skipped only without Chromium or without root, and the summary says so."""
    allowed = {"tests/browser/conftest.py", "tests/integration/test_embedded.py"}
    words = ("pytest.ski" + "p(", "mark.ski" + "p", "mark.xfai" + "l", "importorski" + "p")
    found = {
        name_of(path) for path in python_files("tests") for word in words if word in path.read_text(encoding="utf-8")
    }

    assert found - allowed == set()
