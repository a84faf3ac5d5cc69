# Answers queries by duckdb-kql, another implementation of the language, over NDJSON files named by table.
# Arguments: the schema, the folder, what now() is. Input and output: a JSON object a line.
import datetime as dt, decimal, json, os, signal, sys, uuid

import duckdb, duckdb_kql

SCHEMA, FOLDER, NOW = json.load(open(sys.argv[1]))["tables"], sys.argv[2], dt.datetime.fromisoformat(sys.argv[3])
TYPES = dict(
    string="VARCHAR", datetime="TIMESTAMP", long="BIGINT", int="INTEGER", bool="BOOLEAN", real="DOUBLE", dynamic="JSON", guid="UUID",
    timespan="INTERVAL", decimal="DECIMAL(38,9)",
)
SECONDS = 20


def cell(column, value):
    if column["type"] == "string":
        return "" if value is None else value
    if value is None or value == "":
        return None
    if column["type"] == "bool":
        return bool(value)
    if column["type"] == "dynamic" and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def load(con, table, columns):
    names = ", ".join(f'"{c["name"]}" {TYPES[c["type"]]}' for c in columns.values())
    con.execute(f'create table "{table}" ({names})')
    # Not splitlines(), which takes U+2028 and others for ends of lines too.
    lines = [line for line in open(os.path.join(FOLDER, table + ".ndjson")).read().split("\n") if line]
    if not lines:
        return
    plain = os.path.join(FOLDER, ".duckdb")
    with open(plain, "w") as out:
        for line in lines:
            row = {key.lower(): value for key, value in json.loads(line).items()}
            out.write(json.dumps({c["name"]: cell(c, row.get(low)) for low, c in columns.items()}) + "\n")
    types = ", ".join(f"'{c['name']}': '{TYPES[c['type']]}'" for c in columns.values())
    con.execute(f"""insert into "{table}" by name select * from read_json('{plain}', format='newline_delimited', columns={{{types}}})""")
    os.remove(plain)


def plain(value):
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, (uuid.UUID, decimal.Decimal, dt.date)):
        return str(value)
    if isinstance(value, dt.timedelta):
        return {"span": value.total_seconds()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def late(*_):
    raise TimeoutError


def main():
    con = duckdb_kql.connect()
    for table, info in SCHEMA.items():
        columns = {}
        for column in info["columns"]:
            columns.setdefault(column["name"].lower(), column)
        if columns:
            load(con, table, columns)
    signal.signal(signal.SIGALRM, late)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = {"id": asked["id"]}
        try:
            signal.alarm(SECONDS)
            found = duckdb_kql.query(con, asked["text"], query_now=NOW)
            answer["rows"] = [[plain(value) for value in row] for row in found.fetchall()]
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"[:300]
        finally:
            signal.alarm(0)
        print(json.dumps(answer, default=str), flush=True)


main()
