#!/usr/bin/env python3
"""Counts failed logons by account. Usage: failed_logons.py [FEWEST]; the rest is said by variables (IRCOLLECT_CONFIG, IRCOLLECT_CASE)."""

import sys
from collections import Counter

import ircollect

QUERY = """
DeviceLogonEvents
| where ActionType == "LogonFailed"
| project Timestamp, AccountName, DeviceName, RemoteIP
"""


def main() -> int:
    fewest = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    try:
        counts = Counter(row["AccountName"] for row in ircollect.hunt(QUERY, last="30d"))
    except ircollect.IrCollectError as error:
        print(error, file=sys.stderr)
        return error.exit
    for account, count in counts.most_common():
        if count >= fewest:
            print(f"{count}\t{account}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
