"""A timer function that collects every hour, with the managed identity of the function app.

Put the static Linux build of ircollect beside this file as bin/ircollect, ircollect.toml (vault_auth = "managed-identity") and ../python/ircollect.py
too, and mount an Azure Files share at /case: the plan's own disk is not kept. A run must end within functionTimeout of host.json; a container job
(examples/container) has no such limit and is the better home for large tenants.
"""

import logging
import os
from pathlib import Path

import azure.functions as func

import ircollect

HERE = Path(__file__).parent
os.environ.setdefault("IRCOLLECT_EXE", str(HERE / "bin" / "ircollect"))
os.environ.setdefault("IRCOLLECT_CONFIG", str(HERE / "ircollect.toml"))
os.environ.setdefault("IRCOLLECT_CASE", "/case")

app = func.FunctionApp()


@app.timer_trigger(schedule="0 5 * * * *", arg_name="timer", run_on_startup=False)
def hourly(timer: func.TimerRequest) -> None:
    """Pulls what is new; a function that raises is a failed invocation, which the alert rule watches."""
    summary = ircollect.collect(["pull", "alerts", "incidents", "sign-ins", "--since-last", "--max-wait", "20m"])
    for job in summary["jobs"]:
        logging.info("%s %s: %s rows, %s", job["api"], job["name"], job["rows"], job["status"])
    if summary["status"] != "complete":
        raise RuntimeError(f"incomplete: {[job['gaps'] for job in summary['jobs'] if job['gaps']]}")
