"""`python -m bot`, which is `gmbot`."""

import sys

from bot.cli import build_cli


def main() -> None:
    """Run the command line."""
    asked = sys.argv[1] if len(sys.argv) > 1 else None
    build_cli(asked)()


if __name__ == "__main__":
    main()
