"""`make sbom`, without a network."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
NOWHERE = "http://127.0.0.1:9"


def test_the_bill_of_materials_names_what_is_locked(tmp_path: Path) -> None:
    """It is a CycloneDX document with every locked package in the version that is locked, and hashes."""
    shown = subprocess.run(["make", "--dry-run", "sbom"], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [each.split() for each in shown.stdout.splitlines() if "cyclonedx-py" in each]
    target = tmp_path / "sbom.json"
    words = [str(target) if word == "sbom.json" else word for word in line[1:]]
    command = [str(Path(sys.executable).parent / "cyclonedx-py"), *words]
    offline = {**os.environ, "http_proxy": NOWHERE, "https_proxy": NOWHERE, "PIP_NO_INDEX": "1"}
    subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, check=True)

    made = json.loads(target.read_text(encoding="utf-8"))
    locked = dict(
        line.split()[0].split("==")
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    )
    parts = {each["name"]: each for each in made["components"]}
    assert made["bomFormat"] == "CycloneDX"
    assert {name: each["version"] for name, each in parts.items()} == {
        name.partition("[")[0]: number for name, number in locked.items()
    }
    assert "asyncpg" in parts
    assert any(each.get("hashes") for each in parts["asyncpg"]["externalReferences"])
