"""What an outside call may raise. A retry policy decides by class, never by message."""

from __future__ import annotations


class ConnectorError(Exception):
    """Base of all errors an interface raises. Messages never hold speech or audio."""


class RetryableError(ConnectorError):
    """The same call may succeed later: a broken connection, a 5xx, a timeout."""


class UnsentError(RetryableError):
    """The call never reached the service, so it did nothing: no connection was made."""


class ThrottledError(RetryableError):
    """The service asked for fewer calls. ``retry_after_s`` is its own wish, if it said one."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(ConnectorError):
    """The same call will never succeed: it becomes a dead letter."""


class UnreadableError(PermanentError):
    """What is stored was not written by this project, or by a version that is not known."""


class NoEntryError(PermanentError):
    """The ledger has no such entry: it was erased with its session, or has expired."""


class NoTranslationError(PermanentError):
    """A translation service answered, and what it answered is no translation of the text."""


class ExpiredIteratorError(RetryableError):
    """A shard iterator is too old: take a new one from the position."""


class GoneError(PermanentError):
    """A connection is closed for good (410)."""
