"""Compares what a client got with what the table expects.

An expected object names some of the answer's fields; an expected list has as many elements as the answer's; `"*"` stands
for anything that is not empty.
"""

import json
import sys


def differences(expected, got, path):
    if expected == "*":
        return [] if got not in (None, "", [], {}, "0", 0) else [f"{path}: nothing there"]
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return [f"{path}: {got!r} is no object"]
        return [
            each
            for key, value in expected.items()
            for each in differences(value, got.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(expected, list):
        if not isinstance(got, list) or len(got) != len(expected):
            return [f"{path}: {len(expected)} elements expected, got {json.dumps(got)}"]
        return [
            each for index, value in enumerate(expected) for each in differences(value, got[index], f"{path}[{index}]")
        ]
    # Python keeps 1.0 and 1 apart, JSON does not; true and 1 are different in both.
    same = expected == got and isinstance(expected, bool) == isinstance(got, bool)
    return [] if same else [f"{path}: {expected!r} expected, got {got!r}"]


def judge(call, got):
    wanted = call.get("status", "OK")
    if got["status"] != wanted:
        return [f"{wanted} expected, got {got['status']} ({got.get('message', '')})"]
    found = differences(call.get("answer", {}), got.get("answer", {}), "")
    # grpc-js leaves the details of an error undecoded.
    if "violations" in call and "violations" in got:
        found += differences(call["violations"], got["violations"], "violations")
    return found


def main(client, table, answers):
    table = json.load(open(table, encoding="utf-8"))
    lines = [json.loads(line) for line in open(answers, encoding="utf-8")]
    problems = []
    got = {line["name"]: line for line in lines if "name" in line}
    for call in table["calls"]:
        if call["name"] not in got:
            problems.append(f"{call['name']}: never asked")
            continue
        problems += [f"{call['name']}: {each}" for each in judge(call, got[call["name"]])]

    asked = {call["method"] for call in table["calls"]}
    for line in lines:
        if "methods" in line:
            problems += [f"{method}: no call in the table" for method in sorted(set(line["methods"]) - asked)]
            problems += [f"{method}: reflection does not know it" for method in sorted(asked - set(line["methods"]))]
            missing = set(table["services"]) - set(line["services"])
            problems += [f"{service}: reflection does not list it" for service in sorted(missing)]
        if "health" in line:
            wanted = table["health"][line["health"]]
            if line["status"] != wanted:
                problems.append(f"health of {line['health']!r}: {wanted} expected, got {line['status']}")

    print(f"{client}: {len(got)} calls, {len(problems)} problems")
    for problem in problems:
        print(f"  {problem}")
    return 1 if problems or not got else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
