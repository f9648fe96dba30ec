#!/usr/bin/env python3
"""Plays the orders that isolation scripts name on a PostgreSQL server at SERIALIZABLE, and shows where its transcript
differs from the kept one. By hand:

    tests/isolation/compare.py 'host=/tmp dbname=postgres' [NAME...]

The database's schema `public` is dropped and made again for each order. Needs psycopg2."""
import difflib
import pathlib
import re
import sys
import threading
import time

import psycopg2

DATA = pathlib.Path(__file__).parent.parent / "data" / "isolation"
WAIT_S = 0.15  # what is not done by then waits for a lock


class Session:
    def __init__(self, conninfo):
        self.connection = psycopg2.connect(conninfo)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.thread = None
        self.answer = ""

    def work(self, sql):
        try:
            self.cursor.execute(sql)
            self.answer = self.cursor.statusmessage
            if self.cursor.description:
                rows = ["(" + ", ".join(text_of(v) for v in row) + ")" for row in self.cursor.fetchall()]
                tag = [] if self.answer.startswith("SELECT") else [self.answer]
                self.answer = " ".join(rows + tag) or "no rows"
        except psycopg2.Error as error:
            self.answer = f"{error.pgcode} "

    def start(self, sql):
        self.thread = threading.Thread(target=self.work, args=(sql,))
        self.thread.start()

    def done(self, timeout_s):
        self.thread.join(timeout_s)
        return not self.thread.is_alive()

    def close(self):
        if self.thread is not None and self.thread.is_alive():
            self.connection.cancel()
            self.thread.join()
        self.connection.close()


def text_of(value):
    if isinstance(value, bool):
        return "t" if value else "f"
    return "null" if value is None else str(value)


def load(path):
    lines = {"table": [], "rows": [], "final": [], "session": [], "order": []}
    steps = {}
    for line in path.read_text().splitlines():
        if line.startswith(" "):
            name, sql = line.strip().split(":", 1)
            steps[name] = (len(lines["session"]) - 1, sql.strip())
        elif line and not line.startswith("#"):
            word, text = line.split(" ", 1)
            lines.setdefault(word, []).append(text)
    return lines, steps


def kept(path):
    """The transcripts, without the lines that say how they were judged."""
    found = []
    for block in path.read_text().split("\n\n"):
        if block.startswith("order "):
            found.append([line for line in block.splitlines()[1:] if " -> " in line])
    return found


def play(conninfo, lines, steps, order):
    own = Session(conninfo)
    own.work("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    for sql in lines["table"] + lines["rows"]:
        own.work(sql)
    sessions = [Session(conninfo) for _ in lines["session"]]
    for session in sessions:
        session.work("SET default_transaction_isolation = 'serializable'; SET deadlock_timeout = '20ms'")
    log, waiting = [], {}

    def tell_late():
        for number in list(waiting):
            if sessions[number].done(0.1):
                log.append(f"  ... {waiting.pop(number)} -> {sessions[number].answer}")

    for name in order.split():
        number, sql = steps[name]
        if number in waiting:
            log.append(f"  {name}: cannot be taken, its session waits -> ")
            break
        sessions[number].start(sql)
        over = sessions[number].done(WAIT_S)
        log.append(f"  {name}: {sql} -> {sessions[number].answer if over else 'waits'}")
        if not over:
            waiting[number] = name
        tell_late()
    if waiting:
        time.sleep(2 * WAIT_S)
        tell_late()
    for session in sessions:
        session.close()
    finals = []
    for sql in lines["final"]:
        own.work(sql)
        finals.append(own.answer)
    own.close()
    log.append("  final -> " + " / ".join(finals))
    return log


def without_messages(log):
    return [re.sub(r"-> ([0-9A-Z]{5}) .*", r"-> \1", line) for line in log]


def main():
    conninfo, names = sys.argv[1], sys.argv[2:]
    same = 0
    for name in names or sorted(path.stem for path in DATA.glob("*.iso")):
        lines, steps = load(DATA / f"{name}.iso")
        for order, ours in zip(lines["order"], kept(DATA / f"{name}.out")):
            theirs = without_messages(play(conninfo, lines, steps, order))
            ours = without_messages(ours)
            if ours == theirs:
                same += 1
                continue
            print(f"{name}: {order}")
            for line in difflib.ndiff(ours, theirs):
                if line[0] in "+-":
                    print("   ", line)
    print(f"{same} orders are the same (- ours, + PostgreSQL's)")


if __name__ == "__main__":
    main()
