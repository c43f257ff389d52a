"""Asks every call of the table through `buf curl`, which finds the contract by server reflection.

Writes one JSON object per call: its name, the status, the answer and the fields that an error complains about.
"""

import base64
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from google.rpc import error_details_pb2

DEADLINE = 15


def violations(error):
    """Returns the fields that the details of an error complain about."""
    fields = []
    for detail in error.get("details", []):
        if detail["type"] == "google.rpc.BadRequest":
            # buf leaves out the padding.
            value = base64.b64decode(detail["value"] + "==")
            bad = error_details_pb2.BadRequest.FromString(value)
            fields += [violation.field for violation in bad.field_violations]
    return fields


def ask(buf, address, call):
    command = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--emit-defaults"]
    command += ["--data", json.dumps(call["request"]), f"http://{address}/placet.v1.{call['method']}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if call.get("stream"):
            # The stream has no end: one answer is enough.
            output, errors = first_answer(process.stdout), ""
            process.kill()
            process.wait()
            if output is None:
                errors = process.stderr.read()
        else:
            output, errors = process.communicate(timeout=DEADLINE)
            output = json.loads(output) if process.returncode == 0 else None
    finally:
        process.kill()
    if output is not None:
        return {"status": "OK", "answer": output}
    error = json.loads(errors)
    return {"status": error["code"].upper(), "message": error.get("message", ""), "violations": violations(error)}


def first_answer(stream):
    """Reads the first JSON value of a stream; none if it ends before."""
    text = ""
    for line in stream:
        text += line
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            continue
    return None


def main(buf, address, table):
    calls = json.load(open(table, encoding="utf-8"))["calls"]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda call: ask(buf, address, call), calls)
        for call, answer in zip(calls, answers):
            print(json.dumps({"name": call["name"], **answer}))


if __name__ == "__main__":
    main(*sys.argv[1:])
