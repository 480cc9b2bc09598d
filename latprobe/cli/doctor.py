"""`latprobe doctor`: what is installed, whether the store is sound, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from latprobe.cli import options

_MARKS = {"ok": "ok", "note": "note", "warn": "WARN", "fail": "FAIL"}
_STYLES = {"ok": "green", "note": "", "warn": "yellow", "fail": "bold red"}
STORE_BROKEN = 4


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(as_json: options.AsJson = False, home: options.Home = None) -> None:
    """Check the installation and the store; each problem comes with what to do."""
    from latprobe.cli import messages, output, software_checks, store_checks

    settings = options.settings_for(home)
    with messages.working("Checking"):
        findings = [*software_checks.check_all(), *store_checks.check_all(settings)]
    broken = any(finding.state == "fail" for finding in findings)
    if as_json:
        output.data({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            output.line(
                f"{_MARKS[finding.state]:<5} {finding.name:<16} {finding.text}",
                style=_STYLES[finding.state],
            )
            if finding.advice:
                output.line(f"{'':<23}-> {finding.advice}")
    if broken:
        raise typer.Exit(STORE_BROKEN)
