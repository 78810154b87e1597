"""Errors as clients see them; what stands here needs no web server, so the commands start fast."""

from __future__ import annotations

# HTTP's phrases differ between versions of Python; programs compare codes.
CODES = {
    400: ("bad_request", "the request cannot be read"),
    404: ("not_found", "there is nothing at this address"),
    405: ("method_not_allowed", "this address does not take that method"),
    411: ("length_required", "say how long the body is"),
    413: ("too_large", "the body is larger than this service takes"),
    415: ("unsupported_media_type", "this type of body is not understood"),
    417: ("expectation_failed", "this expectation cannot be met"),
}


class ApiError(Exception):
    """An answer other than the wanted one.

    Args:
        status: of HTTP.
        code: constant, for programs.
        message: one sentence, for people.
        retry_after: seconds after which another try makes sense.
        param: the part of the request that is meant, where one is.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        retry_after: int | None = None,
        param: str = "",
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after, self.param = retry_after, param


class Unauthorized(ApiError):
    """No key, or not one that may."""

    def __init__(self, message: str = "a valid API key is needed") -> None:
        super().__init__(401, "unauthorized", message)


class Forbidden(ApiError):
    """Known, but not allowed to."""

    def __init__(self, permission: str) -> None:
        super().__init__(403, "forbidden", f"this needs the permission {permission}")


class NotFound(ApiError):
    """There is no such thing, or it is somebody else's."""

    def __init__(self, what: str) -> None:
        super().__init__(404, "not_found", f"there is no such {what}")


class Conflict(ApiError):
    """What is there does not allow it."""

    def __init__(self, message: str) -> None:
        super().__init__(409, "conflict", message)


class Unavailable(ApiError):
    """What the answer needs is gone for a while."""

    def __init__(self, message: str = "the database does not answer") -> None:
        super().__init__(503, "unavailable", message, retry_after=5)


class CannotServe(Exception):
    """The service cannot run here; `str()` is one line."""
