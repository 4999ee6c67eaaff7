"""Hold the measured coverage of the last run against the floors; exit 1 below one."""

import sys
from io import StringIO

from coverage import Coverage
from coverage.exceptions import NoDataError, NoSource

# (what, which files, the least share of lines and branches in per cent)
FLOORS = (
    ("bot/domain and bot/services", ["bot/domain/*", "bot/services/*"], 95.0),
    ("all of bot", ["bot/*"], 90.0),
)


def main() -> int:
    """Print one line per floor."""
    coverage = Coverage()
    coverage.load()
    below = False
    for what, files, floor in FLOORS:
        try:
            share = coverage.report(include=files, file=StringIO())
        except (NoDataError, NoSource) as error:
            print(f"coverage of {what}: {error}")
            return 1
        below = below or share < floor
        verdict = "BELOW" if share < floor else "at or above"
        print(f"coverage of {what}: {share:.1f} %, {verdict} the floor of {floor:g} %")
    return int(below)


if __name__ == "__main__":
    sys.exit(main())
