"""Where OTLP goes: our setting and the standard variables."""

from __future__ import annotations

import pytest

from latprobe.errors import UsageError
from latprobe.export.otlp_target import METRICS, OtlpTarget, find_target

E = "OTEL_EXPORTER_OTLP_"


@pytest.mark.parametrize(
    ("endpoint", "environment", "url", "protocol"),
    [
        ("http://h:4318", {}, "http://h:4318/v1/traces", "http/protobuf"),
        ("http://h:4318/v1/traces", {}, "http://h:4318/v1/traces", "http/protobuf"),
        ("https://h/api/otlp/", {}, "https://h/api/otlp/v1/traces", "http/protobuf"),
        ("http://h:4317", {}, "http://h:4317", "grpc"),
        ("localhost:4317", {}, "http://localhost:4317", "grpc"),
        ("h:4317", {}, "https://h:4317", "grpc"),
        ("h:4317", {f"{E}INSECURE": "true"}, "http://h:4317", "grpc"),
        (None, {f"{E}ENDPOINT": "http://h:4318"}, "http://h:4318/v1/traces", "http/protobuf"),
        (None, {f"{E}TRACES_ENDPOINT": "http://h:1/x"}, "http://h:1/x", "http/protobuf"),
        (
            None,
            {f"{E}ENDPOINT": "http://a", f"{E}TRACES_ENDPOINT": "http://b/t"},
            "http://b/t",
            "http/protobuf",
        ),
        ("http://h", {f"{E}ENDPOINT": "http://a"}, "http://h/v1/traces", "http/protobuf"),
        ("http://h:9", {f"{E}PROTOCOL": "grpc"}, "http://h:9", "grpc"),
        (
            "http://h:4317",
            {f"{E}TRACES_PROTOCOL": "http/json", f"{E}PROTOCOL": "grpc"},
            "http://h:4317/v1/traces",
            "http/json",
        ),
    ],
)
def test_the_address_and_the_protocol(
    endpoint: str | None, environment: dict[str, str], url: str, protocol: str
) -> None:
    found = find_target(endpoint, environment)

    assert found == OtlpTarget(url=url, protocol=protocol)


@pytest.mark.parametrize(
    ("endpoint", "environment", "url"),
    [
        ("http://h:4318", {}, "http://h:4318/v1/metrics"),
        ("http://h:4318/x/v1/traces", {}, "http://h:4318/x/v1/metrics"),
        ("http://h:4317", {}, "http://h:4317"),
        (None, {f"{E}ENDPOINT": "http://h"}, "http://h/v1/metrics"),
        ("http://h", {f"{E}METRICS_ENDPOINT": "http://m/x"}, "http://m/x"),
        ("http://h", {f"{E}TRACES_ENDPOINT": "http://t"}, "http://h/v1/metrics"),
        (None, {f"{E}TRACES_ENDPOINT": "http://t"}, None),
        ("http://h", {"OTEL_METRICS_EXPORTER": "none"}, None),
        ("http://h", {"OTEL_METRICS_EXPORTER": "console,otlp"}, "http://h/v1/metrics"),
    ],
)
def test_metrics_go_where_the_spans_go_unless_they_have_their_own_endpoint(
    endpoint: str | None, environment: dict[str, str], url: str | None
) -> None:
    found = find_target(endpoint, environment, signal=METRICS)

    assert (found and found.url) == url


def test_metrics_have_their_own_headers_and_protocol() -> None:
    found = find_target(
        "http://h:1",
        {f"{E}METRICS_HEADERS": "k=m", f"{E}TRACES_HEADERS": "k=t", f"{E}METRICS_PROTOCOL": "grpc"},
        signal=METRICS,
    )

    assert found == OtlpTarget(url="http://h:1", protocol="grpc", headers=(("k", "m"),))


def test_everything_else_comes_from_the_standard_variables() -> None:
    found = find_target(
        "https://h",
        {
            f"{E}HEADERS": "API-Key=a%20b, x=1",
            f"{E}TIMEOUT": "2500",
            f"{E}COMPRESSION": "gzip",
            f"{E}CERTIFICATE": "/ca.pem",
            f"{E}CLIENT_CERTIFICATE": "/c.pem",
            f"{E}TRACES_CLIENT_KEY": "/k.pem",
        },
    )

    assert found == OtlpTarget(
        url="https://h/v1/traces",
        protocol="http/protobuf",
        headers=(("api-key", "a b"), ("x", "1")),
        timeout_s=2.5,
        is_gzip=True,
        certificate="/ca.pem",
        client_certificate="/c.pem",
        client_key="/k.pem",
    )


@pytest.mark.parametrize(
    "environment",
    [{}, {f"{E}ENDPOINT": " "}, {f"{E}ENDPOINT": "http://h", "OTEL_TRACES_EXPORTER": "none"}],
)
def test_without_an_endpoint_nothing_is_exported(environment: dict[str, str]) -> None:
    assert find_target(None, environment) is None


@pytest.mark.parametrize(
    ("endpoint", "environment", "message"),
    [
        ("ftp://h", {}, "no address"),
        ("http://user:secret@[", {}, "no address"),
        ("http://h", {f"{E}PROTOCOL": "thrift"}, "write one of grpc"),
        ("http://h", {f"{E}HEADERS": "token"}, "write name=value"),
        ("http://h", {f"{E}TIMEOUT": "-1"}, "write seconds"),
        ("http://h", {f"{E}COMPRESSION": "zip"}, "write gzip or none"),
    ],
)
def test_what_cannot_be_meant_is_said(
    endpoint: str, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        find_target(endpoint, environment)
    assert "secret" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    found = find_target("https://me:secret@h/x?token=secret", {f"{E}HEADERS": "k=secret"})

    assert found is not None
    assert (found.shown, "secret" in repr(found.headers)) == ("https://h/x/v1/traces", True)
