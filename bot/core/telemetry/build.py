"""What runs here: the release, its commit where the code is a clone, and what it stands on."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

_CLONE = Path(__file__).resolve().parents[3]


def describe_build(clone: Path = _CLONE) -> Mapping[str, str]:
    """Return the labels of gmbot_build_info."""
    return {
        "version": version("gmbot"),
        "commit": _commit(clone / ".git"),
        "python": platform.python_version(),
        "ptb": version("python-telegram-bot"),
    }


def _commit(git: Path) -> str:
    """Return the commit of a clone. An installed package has none, nor has a worktree or a packed branch."""
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        return (git / head[5:]).read_text(encoding="ascii").strip() if head.startswith("ref: ") else head
    except OSError:
        return "unknown"
