"""Work handed to processes, forked and spawned, each calling a server with requests."""

# mypy: ignore-errors

import multiprocessing
import sys

import requests

import latprobe


def fetch(job):
    method, url = job
    with latprobe.stage(f"job {method}"):
        requests.get(url, timeout=10)


def main():
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            pool.map(fetch, [(method, f"{sys.argv[1]}/{method}")] * 4, chunksize=1)
            pool.close()
            pool.join()


if __name__ == "__main__":
    main()
