"""A WSGI application that calls a model's server with requests, for gunicorn."""

# mypy: ignore-errors

import os

import requests

import latprobe


def application(environ, start_response):
    with latprobe.stage("page"):
        requests.get(os.environ["UPSTREAM"] + "/wsgi", timeout=10)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
