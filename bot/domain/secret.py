"""A text that must not be shown: it prints as stars wherever it lands, in a log, an error or a debugger."""

import hashlib
import hmac


class Secret:
    """Holds a token or a password; `reveal` is the one way to read it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one call that needs it."""
        return self._text

    def fingerprint(self) -> str:
        """Return a name for this secret that does not tell it. Only for secrets that nobody can guess."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:32]

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)
