"""Looks for secrets in what is to be published: a step of `make check`. `--write` accepts what it finds."""

import json
import subprocess
import sys
from pathlib import Path

from detect_secrets.core.baseline import format_for_output, save_to_file
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

KNOWN = Path(".secrets.baseline")
# Hashes of packages and measured figures are no secrets, and there are thousands.
_LEFT_OUT = (".lock", ".png", ".svg", ".json", ".baseline")


def main() -> int:
    """Name what is not known; exit status 1 if there is any."""
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)  # noqa: S607 - git is git
    found = SecretsCollection()
    with default_settings():
        found.scan_files(*(path for path in listed.stdout.splitlines() if not path.endswith(_LEFT_OUT)))
        if "--write" in sys.argv:
            save_to_file(format_for_output(found), str(KNOWN))
            return 0
    known = {
        (path, each["hashed_secret"])
        for path, all_of in json.loads(KNOWN.read_text())["results"].items()
        for each in all_of
    }
    new = [(path, secret) for path, secret in found if (path, secret.secret_hash) not in known]
    for path, secret in new:
        print(f"{path}:{secret.line_number}: this looks like a secret ({secret.type})")
    if new:
        print("Take it out. What is made up for a test is accepted by: python -m scripts.scan_secrets --write")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
