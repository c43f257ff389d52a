"""Goes through a large list page by page: one plan, and then the database alone.

    python3 examples/listing/page.py PLACET [ROWS]

PLACET is the command `placet`; it reads the newsroom among the sample profiles, a service would call `PlanQuery`. The table of a
million articles (or ROWS) is one of SQLite, in memory; with PostgreSQL or MySQL only the target and the driver change.
"""

import json
import random
import sqlite3
import subprocess
import sys
import time

PAGE = 100


def plan(placet, subject, role):
    """Returns which articles somebody may read: None for no one at all, else a condition and its parameters."""
    command = [placet, "plan", "--profiles", "policies", "--profile", "newsroom", "--format", "json"]
    command += ["--subject", subject, "--role", role, "--action", "read", "--collection", "articles"]
    answer = subprocess.run([*command, "--target", "sqlite"], capture_output=True, text=True)
    if answer.returncode not in (0, 1):
        raise SystemExit(answer.stderr)
    made = json.loads(answer.stdout)["plan"]
    if made["kind"] == "PLAN_KIND_ALWAYS":
        return "TRUE", []
    if made["kind"] != "PLAN_KIND_CONDITIONAL":
        # Never, or a kind that this program does not know: nothing is listed.
        return None
    rendering = made["renderings"][0]
    if rendering.get("error"):
        raise SystemExit(rendering["error"])
    return rendering["text"], rendering.get("parameters", [])


def fill(database, rows):
    """Makes the tables that the profile speaks of."""
    roll = random.Random(1)
    database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, role TEXT)")
    database.execute("CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT, status TEXT, created_by INTEGER)")
    users = [(number, roll.choice(["intern", "staff", "manager"])) for number in range(1, 101)]
    database.executemany("INSERT INTO users VALUES (?, ?)", users)
    states = ["draft", "review", "published", "locked"]
    articles = ((n, f"Title {n}", roll.choice(states), roll.randint(1, 100)) for n in range(1, rows + 1))
    database.executemany("INSERT INTO articles VALUES (?, ?, ?, ?)", articles)


def pages(database, condition, parameters):
    """Yields the pages of the list: each goes on behind the last row of the one before."""
    last = 0
    while True:
        page = database.execute(
            f'SELECT id, title, status FROM articles WHERE ({condition}) AND "articles"."id" > ? ORDER BY id LIMIT {PAGE}',
            [*parameters, last],
        ).fetchall()
        if not page:
            return
        yield page
        last = page[-1][0]


def main(placet, rows="1000000"):
    database = sqlite3.connect(":memory:")
    fill(database, int(rows))
    made = plan(placet, "7", "intern")
    if made is None:
        print("nothing may be read")
        return
    begun = time.monotonic()
    counts = [len(page) for page in pages(database, *made)]
    took = time.monotonic() - begun
    print(f"{sum(counts)} of {rows} articles on {len(counts)} pages in {took:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
