"""ircollect from Python: rows as dictionaries, failures as exceptions with the code and the hint.

Standard library alone, Python 3.9 or later. The query goes through standard input, so nothing in it needs quoting. ircollect stores first (the case is
the evidence), then the stored rows are read line by line: a large result needs no more memory than a small one.

    for row in ircollect.hunt("DeviceLogonEvents | where ActionType == 'LogonFailed'", last="7d"):
        print(row["Timestamp"], row["AccountName"])
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence


class IrCollectError(Exception):
    """What went wrong. `code` and `hint` are ircollect's, `exit` its exit code, `summary` all that is known."""

    def __init__(self, code: str, message: str, hint: str, exit: int, summary: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{message} ({code}). {hint}" if hint else f"{message} ({code})")
        self.code, self.hint, self.exit, self.summary = code, hint, exit, summary


class Incomplete(IrCollectError):
    """Rows are missing. Those that could be had were yielded before, and are stored."""


def run(arguments: Sequence[str], text: str = "") -> tuple[int, str, str]:
    """Runs ircollect ($IRCOLLECT_EXE, else the one on the PATH); returns exit code, standard output and standard error."""
    program = os.environ.get("IRCOLLECT_EXE", "ircollect")
    try:
        done = subprocess.run([program, *arguments], input=text, capture_output=True, encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise IrCollectError("NotInstalled", f"{program} is not there", "install it, or set IRCOLLECT_EXE to its path", 1) from None
    return done.returncode, done.stdout, done.stderr


def collect(arguments: Sequence[str], text: str = "") -> dict[str, Any]:
    """Runs a command that has a summary (hunt, pull, collect) and returns it; raises where nothing was stored."""
    code, out, words = run([*arguments, "--json", "--no-progress", "--color", "never"], text)
    try:
        summary = json.loads(out)
    except ValueError:
        raise IrCollectError(f"Exit{code}", words.strip() or "no output", "", code) from None
    if summary.get("error"):
        raise _error(summary["error"], summary)
    if code in (0, 6):
        return summary
    problem = next((job["error"] for job in summary["jobs"] if job["error"]), None)
    raise _error(problem or {"code": f"Exit{code}", "message": words.strip(), "hint": "", "exit": code}, summary)


def rows(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the stored rows of every job, then raises `Incomplete` where some are missing."""
    for job in summary["jobs"]:
        for file in job["files"]:
            if file["format"] == "ndjson":
                with open(Path(summary["case"], file["path"]), encoding="utf-8") as lines:
                    yield from (json.loads(line) for line in lines)
    for job in summary["jobs"]:
        if job["status"] != "complete":
            reasons = "; ".join(f"[{gap['from']}, {gap['to']}): {gap['reason']}" for gap in job["gaps"])
            problem = job["error"] or {"code": "Incomplete", "message": f"{job['name']}: rows are missing: {reasons}", "hint": "resume it", "exit": 6}
            raise _error(problem, summary, Incomplete)


def hunt(query: str | None = None, *, path: str | Path | None = None, parameters: Mapping[str, Any] | None = None, **flags: Any) -> Iterator[dict[str, Any]]:
    """Hunts with a query as text, or with the file at `path`. `flags` are those of the command: last="7d", api="graph", reconcile=True."""
    if (query is None) == (path is None):
        raise ValueError("give a query, or a path")
    arguments = ["hunt", "--query", "-" if path is None else str(path), *_flags(flags)]
    with tempfile.TemporaryDirectory(prefix="ircollect-") as folder:
        for name, value in (parameters or {}).items():
            arguments += ["--param", f"{name}={_value(name, value, folder)}"]
        summary = collect(arguments, query or "")
    yield from rows(summary)


def pull(*sources: str, **flags: Any) -> Iterator[dict[str, Any]]:
    """Pulls sources: pull("alerts", "mde/machines", last="7d")."""
    yield from rows(collect(["pull", *_flags(flags), *sources]))


def token(api: str = "graph", **flags: Any) -> str:
    """Returns an access token. Keep it in memory."""
    code, out, words = run(["token", "--api", api, *_flags(flags)])
    if code:
        raise IrCollectError(f"Exit{code}", words.strip(), "", code)
    return out.strip()


def _flags(flags: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in flags.items():
        flag = "--" + name.replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [flag] if one is True else [] if one is False or one is None else [flag, str(one)]
    return words


def _value(name: str, value: Any, folder: str) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        file = Path(folder, name)
        file.write_text("".join(f"{one}\n" for one in value), encoding="utf-8")
        return f"@{file}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "@" + text if text.startswith("@") else text


def _error(problem: Mapping[str, Any], summary: Mapping[str, Any], kind: type[IrCollectError] = IrCollectError) -> IrCollectError:
    return kind(problem["code"], problem["message"], problem["hint"], problem["exit"], summary)
