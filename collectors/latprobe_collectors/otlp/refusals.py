"""Why a request is not taken, each with its answer in HTTP and in gRPC.

Refusal
|-- BadRequestError       400  INVALID_ARGUMENT     sending it again is of no use
|-- TooLargeError         413  RESOURCE_EXHAUSTED   send it in smaller batches
|-- UnsupportedError      415  INVALID_ARGUMENT     another content type or encoding
|-- UnauthorizedError     401  UNAUTHENTICATED      the bearer token is missing or wrong
`-- OverloadedError       503  RESOURCE_EXHAUSTED   the same again after `retry_after_s`
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - an answer to a client; the children are its errors
    """The whole request is refused; the message is for the sender."""

    status = 400
    grpc_code = "INVALID_ARGUMENT"
    retry_after_s: int | None = None


class BadRequestError(Refusal):
    """The body is not what its headers say it is."""


class TooLargeError(Refusal):
    """More bytes than one request may have."""

    status = 413
    grpc_code = "RESOURCE_EXHAUSTED"


class UnsupportedError(Refusal):
    """A content type or an encoding that this receiver does not read."""

    status = 415


class UnauthorizedError(Refusal):
    """No token, or the wrong one."""

    status = 401
    grpc_code = "UNAUTHENTICATED"


class OverloadedError(Refusal):
    """Memory, disk or the store cannot take more at this moment."""

    status = 503
    grpc_code = "RESOURCE_EXHAUSTED"
    retry_after_s = 1
