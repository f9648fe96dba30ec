#!/usr/bin/env python3
"""Writes the *.txt files beside this program from a running PostgreSQL 15.

usage: golden.py PSQL-ARGUMENTS...      e.g.  golden.py -h localhost -U postgres

The server must have been initialised with --encoding=UTF8 --locale=C. Every line is one question and
PostgreSQL's answer, in columns parted by tabs (\\t, \\n and \\\\ inside a column are escaped, \\N is NULL):
an answer is "=text", "null" or "!SQLSTATE message". The tests replay them without PostgreSQL.
"""
import itertools
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

SETUP = r"""
set timezone = 'UTC';
create or replace function pg_temp.answer(q text) returns text language plpgsql as $$
declare t text; r text;
begin
  execute format('select pg_typeof(x)::text, case when x is null then null else format(''%%s'', x) end'
                 ' from (select %s as x) s', q) into t, r;
  return t || E'\t' || coalesce('=' || r, 'null');
exception when others then
  return '-' || E'\t' || '!' || sqlstate || ' ' || sqlerrm;
end $$;
create or replace function pg_temp.works(q text) returns text language plpgsql as $$
begin execute q; return 'yes'; exception when others then return 'no'; end $$;
create temp table questions(id serial, q text);
"""


def escape(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def quote(text):
    return "'" + text.replace("'", "''") + "'" if "\\" not in text else \
        "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def ask(questions, setup="", function="answer"):
    """The answers to SQL expressions, as (type, answer)."""
    lines = "".join(escape(q) + "\n" for q in questions)
    script = SETUP + setup + "copy questions(q) from stdin;\n" + lines + "\\.\n" + \
        f"copy (select pg_temp.{function}(q) from questions order by id) to stdout;\n"
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *sys.argv[1:]],
                          input=script, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    # COPY escaped the tab between type and answer too: undo that one.
    answers = [line for line in done.stdout.split("\n")[:-1]]
    assert len(answers) == len(questions), (len(answers), len(questions), done.stderr)
    return [a.split("\\t", 1) if function == "answer" else [a, ""] for a in answers]


def write(name, comment, rows):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
        f.write(f"# {comment}\n# Written by golden.py from PostgreSQL 15.\n")
        for row in rows:
            f.write("\t".join(row) + "\n")


def literal(type_name, text):
    if text is None:
        return f"null::{type_name}"
    return quote(text) if type_name == "unknown" else f"{quote(text)}::{type_name}"


# --- Text to value to text ---------------------------------------------------------------------------

INTEGERS = ["0", "1", "-1", "+7", " 42 ", "\t5\n", "32767", "32768", "-32768", "-32769", "2147483647",
            "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
            "-9223372036854775808", "-9223372036854775809", "", " ", "-", "+", "1.0", "1e3", "0x10",
            "abc", "1 2", "--1", "99999999999999999999999999", "007", "-0"]
REALS = ["0", "-0", "1", "-1.5", "1e10", "1e15", "1e14", "123456789012345", "1234567890123456",
         "0.1", "0.0001", "0.00001", "1e-5", "1e300", "1e308", "1.7976931348623157e308", "1e309",
         "4.9e-324", "2.2250738585072014e-308", "2e-324", "1e-400", "3.4028235e38", "3.5e38",
         "1.17549435e-38", "1e-45", "1e-46", "Infinity", "-Infinity", "inf", "+inf", "NaN", "nan",
         "-NaN", " 1.5 ", "", " ", ".", "1.", ".5", "5.e1", "1e", "1e+", "x", "1x", "1 x", "infinit",
         "infinityx", "0x1p3", "123456.789", "1234567", "12345678", "999999", "1000000", "9999995",
         "1e22", "1e23", "9007199254740993", "5e-324", "0.3", "2.5", "1e6", "1e5", "100000", "8388608.5",
         "16777217", "3.14159265358979", "2.718281828459045", "1.1754944e-38", "9.999999e22",
         "5.684341886080802e-14", "9.5367431640625e-07", "1e21", "123456789.123456789"]
NUMERICS = ["0", "-0", "0.0", "0.00", "1", "-1", "+1", "1.50", "-1.50", "0.1", ".5", "5.", "00012.3400",
            "1e5", "1E-5", "1.5e3", "1.5e-3", "1e0", "12345678901234567890.123456789", "NaN", "nan",
            "Infinity", "-Infinity", "inf", "-inf", "+inf", " 7 ", "", " ", ".", "-", "e5", "1e", "1e+",
            "1.2.3", "1 2", "x", "9999", "10000", "99999999", "0.0001", "0.00001", "10000.0001",
            "1e100", "1e131072", "1e-100", "1e-16384", "0e-16384", "1e999999999", "1e9999999999",
            "0e999999", "-NaN", "1_000", "0x1", "999.995", "-999.995", "123.456789"]
BOOLEANS = ["t", "f", "true", "FALSE", "tr", "fal", "y", "n", "yes", "NO", "on", "off", "of", "o", "1",
            "0", " true ", "", "2", "truex", "t r", "nope"]
DATES = ["2000-01-01", "1999-12-31", "1970-01-01", "2020-02-29", "2021-02-29", "2020-13-01", "2020-00-01",
         "2020-01-32", "0001-01-01", "0000-01-01", "4713-01-01 BC", "4714-11-24 BC", "4714-11-23 BC",
         "44-03-15 BC", "0044-03-15 BC", "5874897-12-31", "5874898-01-01", "January 8, 1999",
         "1999-Jan-08", "Jan-08-1999", "08-Jan-1999", "8 Jan 1999", "Jan 8 1999", "1/8/1999", "1/18/1999",
         "18/1/1999", "01/02/03", "20200101", "200101", "990108", "99-01-08", "1999.008", "2020.366",
         "J2451187", "January 8, 99 BC", "infinity", "-infinity", "epoch", "2020-01-01 10:00:00",
         "2020-01-01T10:00:00Z", "2020-01-01 10:00:00+05", "", "x", "2020", "2020-01", "2020-1-1",
         "2020-1-1 BC", "Mon Jan 6 2020", "Sunday, 2020-01-05", "2020-01-01 25:00", "1 2 3 4", "2020 1 2",
         "allballs", "10:00", "2020/01/02", "2020.01.02", "2020-06-31", "1/1/70", "1/1/69", "32/1/2020",
         "tomorrowx", "2020-01-01 BC AD", "1999-01-08 AD", "Febr 8 1999", "sept 9 1999", "12-25-2020",
         "25-12-2020", "2020-12-25-1", "jan 1", "1 jan", "20200101 x"]
TIMES = ["00:00", "10:20", "10:20:30", "10:20:30.5", "10:20:30.123456", "10:20:30.1234567", "23:59:59.9999999",
         "24:00", "24:00:01", "24:00:00.1", "25:00", "10:60", "10:20:60", "10:20:61", "102030", "1020",
         "102030.5", "10:20 AM", "10:20 PM", "12:00 AM", "12:00 PM", "13:00 PM", "0:00 PM", "10:20:30 pm",
         "10:20+05", "10:20:30 Z", "allballs", "", "x", "10", "10:", ":10", "10:20:", "T10:20", "2020-01-01 10:20",
         "10:20 UTC", "10:20:30.5.5", "-10:20", "epoch", "infinity", "04:05:06.789-8", "040506", "2003-04-12 04:05:06 America/New_York"]
STAMPS = ["2000-01-01 00:00:00", "1999-12-31 23:59:59.999999", "2020-02-29 12:34:56.789", "2020-01-01",
          "2020-01-01T10:20:30", "2020-01-01t10:20:30.5Z", "20200101T102030", "20200101 102030", "20200101102030",
          "2020-01-01 10:20", "2020-01-01 10:20:30+00", "2020-01-01 10:20:30+05:30", "2020-01-01 10:20:30-0330",
          "2020-01-01 10:20:30 -08", "2020-01-01 10:20:30 +5", "2020-01-01 10:20:30 UTC", "2020-01-01 10:20:30 PST",
          "2020-01-01 10:20:30 pdt", "2020-01-01 10:20:30 Z", "2020-01-01 10:20:30 zulu", "2020-07-01 10:20:30 America/New_York",
          "2020-01-01 10:20:30 america/new_york", "2020-01-01 10:20:30 EST5EDT", "2020-01-01 10:20:30 Foo/Bar",
          "2020-01-01 10:20:30 foo", "infinity", "-infinity", "+infinity", "epoch", "4714-11-24 00:00:00 BC",
          "4714-11-23 23:59:59.999999 BC", "294276-12-31 23:59:59.999999", "294277-01-01", "2020-01-01 24:00:00",
          "2020-01-01 23:59:60", "2020-01-01 10:20:30.9999999", "2020-01-01 10:20:30.5 PM", "2020-01-01 13:20:30 AM",
          "Jan 8 04:05:06 1999 PST", "1999-01-08 04:05:06 -8:00", "January 8 04:05:06 1999", "Wed Dec 17 07:37:16 1997 PST",
          "12/17/1997 07:37:16.00 PST", "17.12.1997 07:37:16", "", "x", "2020-01-01 10", "10:20:30", "2020-01-01 10:20:30+25",
          "2020-01-01 10:20:30+16", "2020-01-01 10:20:30+15:59:59", "2020-01-01 10:20:30+05:60", "2020-01-01 10:20:30 BC",
          "0099-01-01 00:00:00", "99-01-01", "2020-01-01 1:2:3", "2020-01-01  10:20:30   +00", "2020-366 10:00",
          "2020.366 10:00", "J2451187 04:05:06", "J2451187.5", "2020-01-01 04:05:06.789-8", "epoch 10:00",
          "2020-01-01 10:20:30 2020-01-02", "2020-01-01,10:20:30", "2020-01-01 10:20:30 dst", "2020-01-01 at 10:20",
          "2020-01-01 040506-08", "2020-01-01 040506", "2020-02-30 10:00", "1/2/3 4:5:6", "2020-01-01 10:20:30 EST EDT",
          "2020-01-01 00:00:00 +00:00", "1997-12-17 07:37:16-08", "2020-W01-1", "now x"]
INTERVALS = ["1 day", "2 days", "-1 day", "1 year", "2 years 3 months", "1 mon", "1 month", "3 mons 4 days", "1 week",
             "1.5 weeks", "1 hour", "1 hr", "2 hours 3 minutes", "4 min", "5 secs", "1.5 seconds", "100 milliseconds",
             "100 ms", "7 microseconds", "7 us", "1 century", "1 decade", "1 millennium", "10:20", "10:20:30", "-10:20:30",
             "10:20:30.123456", "10:20:30.1234567", "1 day 10:20:30", "1 10:20:30", "-1 10:20:30", "1 -10:20:30", "1-2",
             "-1-2", "+1-2", "1-13", "1-2 3 4:05:06", "1 day ago", "1 year 2 days ago", "@ 1 minute", "@ 1 day ago",
             "P1Y2M3DT4H5M6S", "P1Y", "P1M", "PT1M", "P1W", "P1.5D", "PT1.5S", "P0001-02-03T04:05:06", "P-1Y-2M", "P1YT",
             "P", "PT", "P1", "0", "5", "-5", "1.5", "", "x", "1 x", "1 day 1 day", "1.5 days", "1.5 months", "1.5 years",
             "0.1 months", "1.25 years", "-1.5 days", "1 mon -1 day", "-1 mon +1 day", "1 year -2 mons +3 days -04:05:06",
             "2147483647 days", "2147483648 days", "178956970 years 7 months", "178956970 years 8 months",
             "-178956970 years -8 months", "99999999999999999999 days", "9223372036854775807 us", "9223372036854775808 us",
             "2562047788:00:54.775807", "2562047789:00", "1:2:3:4", "1 day 2", "1 2 3", "1y2mon3d4h5m6s", "1d", "1h", "1m", "1s",
             "1 y", "1 qtr", "1e3 days", "ago", "1 hour 2", "0.5 us", "1.0000005 s", "12:34 56", "24:00:00", "25:61",
             "1 minute 90 seconds", "1 day -24:00:00", "00:00:00.000001", "-00:00:00.000001", "1 dec", "1 mil", "4 weeks ago"]
UUIDS = ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
         "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11",
         "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "", "g", "-",
         "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc9-99c0b-4ef8-bb6d-6bb9bd380a11", " a0eebc999c0b4ef8bb6d6bb9bd380a11"]
BYTEAS = ["", "\\x", "\\x00ff", "\\xDEADBEEF", "\\x de ad ", "\\xd", "\\xdg", "abc", "a\\\\b", "a\\001b", "a\\b",
          "\\000", "\\377", "\\400", "\\12", "é", "\\X00", "a'b", "\\x\\x"]
TEXTS = ["", "a", "hello world", "é", "日本語", "  x  ", "a'b", "a\\b", "a\tb\nc"]

INPUTS = {
    "boolean": BOOLEANS, "smallint": INTEGERS, "integer": INTEGERS, "bigint": INTEGERS,
    "oid": ["0", "1", "4294967295", "4294967296", "-1", "-4294967295", "-4294967296", "x", "", " 12 ", "12 x", "1.0"],
    "real": REALS, "double precision": REALS, "numeric": NUMERICS,
    "numeric(5,2)": ["0", "1", "999.99", "999.994", "999.995", "1000", "-999.995", "0.005", "0.004", "NaN", "Infinity", "1e2"],
    "numeric(3,0)": ["999.4", "999.5", "99.5"], "numeric(2,2)": ["0.99", "0.995", "1"], "numeric(3,5)": ["0.00999", "0.01"],
    "numeric(3,-2)": ["12345", "99949", "99950", "49", "50"], "numeric(1000,1000)": ["0.1"],
    "text": TEXTS, "character varying": TEXTS,
    "character varying(3)": ["", "ab", "abc", "abcd", "abc   ", "日本語", "日本語x"],
    "character(3)": ["", "a", "abc", "abcd", "abc  ", "日本", "日本語x"], "character": ["", "a", "ab"],
    '"char"': ["", "a", "ab", "\\101", "é"], "name": ["a", "x" * 63, "x" * 64, "é" * 40],
    "bytea": BYTEAS, "uuid": UUIDS, "date": DATES, "time": TIMES, "time(0)": ["10:20:30.5", "10:20:30.4999999", "23:59:59.5"],
    "time(3)": ["10:20:30.1234567"], "timestamp": STAMPS, "timestamp with time zone": STAMPS,
    "timestamp(0)": ["2020-01-01 10:20:30.5", "1999-12-31 23:59:59.5"], "timestamp(3) with time zone": ["2020-01-01 10:20:30.1234567+00"],
    "interval": INTERVALS, "interval(0)": ["1.5 seconds", "-1.5 seconds", "2.4999999 s"], "interval(3)": ["1.2345678 s"],
}
INTERVAL_FIELDS = ["year", "month", "day", "hour", "minute", "second", "year to month", "day to hour", "day to minute",
                   "day to second", "hour to minute", "hour to second", "minute to second"]


def inputs():
    rows = [(t, v) for t, values in INPUTS.items() for v in values]
    for fields in INTERVAL_FIELDS:
        rows += [("interval " + fields, v) for v in ["1", "10:20", "1 10:20", "1-2", "1 year 2 mons 3 days 04:05:06.789", "1 2:3:4", "5.5"]]
    answers = ask([f"{quote(v)}::{t}" for t, v in rows])
    write("input.txt", "type, text: what the value is as text", [(t, escape(v), a[1]) for (t, v), a in zip(rows, answers)])


SENDERS = {"boolean": "boolsend", "smallint": "int2send", "integer": "int4send", "bigint": "int8send", "oid": "oidsend", "real": "float4send",
           "double precision": "float8send", "numeric": "numeric_send", "text": "textsend", "character varying": "varcharsend",
           "character(3)": "bpcharsend", '"char"': "charsend", "name": "namesend", "bytea": "byteasend", "uuid": "uuid_send", "date": "date_send",
           "time": "time_send", "timestamp": "timestamp_send", "timestamp with time zone": "timestamptz_send", "interval": "interval_send"}


def wire():
    rows = [(t, v) for t in SENDERS for v in INPUTS[t]]
    answers = ask([f"encode({SENDERS[t]}({quote(v)}::{t}), 'hex')" for t, v in rows])
    write("wire.txt", "type, text: the binary format in hexadecimal",
          [(t, escape(v), a[1][1:]) for (t, v), a in zip(rows, answers) if a[1].startswith("=")])


# --- Casts -------------------------------------------------------------------------------------------

TYPES = ["boolean", "bytea", '"char"', "name", "bigint", "smallint", "integer", "text", "oid", "real", "double precision",
         "character", "character varying", "date", "time without time zone", "timestamp without time zone",
         "timestamp with time zone", "interval", "numeric", "uuid"]
SAMPLES = {
    "boolean": ["t", "f"], "bytea": ["\\x6162", "\\x"], '"char"': ["a"], "name": ["abc", "12"],
    "bigint": ["0", "42", "-1", "32768", "2147483648", "-9223372036854775808", "9223372036854775807", "4294967295", "4294967296"],
    "smallint": ["0", "-32768", "7"], "integer": ["0", "1", "-1", "65", "200", "32768", "-2147483648", "2147483647"],
    "text": ["", "12", "abc", "true", "2020-01-01", "1.5", "x" * 70, " 7 "], "oid": ["0", "4294967295", "23"],
    "real": ["0", "1.5", "2.5", "-2.5", "1e10", "NaN", "Infinity", "3.3333333", "16777216"],
    "double precision": ["0", "0.5", "1.5", "2.5", "-0.5", "1e20", "1e-50", "NaN", "-Infinity", "32767.5", "2147483647.5", "123456789012345678", "3.5e38", "9223372036854775807", "0.1"],
    "character": ["a"], "character varying": ["abc", "12", "ab  "],
    "date": ["2020-01-31", "infinity", "-infinity", "5874897-12-31", "4714-11-24 BC"], "time without time zone": ["10:20:30.5", "24:00"],
    "timestamp without time zone": ["2020-01-31 10:20:30.5", "infinity", "1999-12-31 23:59:59.999999"],
    "timestamp with time zone": ["2020-01-31 10:20:30.5+00", "-infinity"],
    "interval": ["1 day 10:20:30", "-01:00", "1 mon", "25:00"], "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "numeric": ["0", "0.5", "1.5", "2.5", "-0.5", "32767.4", "32767.5", "2147483647.5", "9223372036854775807.5", "NaN", "Infinity", "-Infinity", "1e400", "1e-400", "123456789012345678901234567890.123", "1e39", "0.1"],
}


def casts():
    rows = [(s, v, t) for s in TYPES for t in TYPES for v in SAMPLES[s]]
    rows += [(s, v, t) for s, v in [("text", "abcdef"), ("character varying", "ab   "), ("numeric", "123.456"), ("integer", "12345"), ("name", "abcdef"), ("double precision", "1.5")]
             for t in ["character(3)", "character varying(3)", "character(8)", "numeric(5,2)", "numeric(4,2)", "text"]]
    rows += [("timestamp without time zone", "2020-01-01 10:20:30.123456", t) for t in ["timestamp(0)", "timestamp(3)", "timestamp(2) with time zone", "time(1)"]]
    answers = ask([f"({literal(s, v)})::{t}" for s, v, t in rows])
    write("cast.txt", "source type, text, target type: the explicit cast",
          [(s, escape(v), t, a[1]) for (s, v, t), a in zip(rows, answers) if not a[1].startswith("!42846")])


def cast_contexts():
    setup = "".join(f"create function pg_temp.i{n}(x {t}) returns int language sql as 'select 1';\n"
                    f"create temp table a{n}(x {t});\n" for n, t in enumerate(TYPES))
    rows = [(s, n) for s in TYPES for n in range(len(TYPES))]
    def asked(form):
        return [a[0] for a in ask([form(s, n) for s, n in rows], setup, "works")]
    implicit = asked(lambda s, n: f"select pg_temp.i{n}(null::{s})")
    assignment = asked(lambda s, n: f"insert into a{n} select null::{s}")
    explicit = asked(lambda s, n: f"select (null::{s})::{TYPES[n]}")
    write("cast_context.txt", "source type, target type: the narrowest context that allows the cast",
          [(s, TYPES[n], "implicit" if i == "yes" else "assignment" if a == "yes" else "explicit" if e == "yes" else "none")
           for (s, n), i, a, e in zip(rows, implicit, assignment, explicit)])


# --- Operators ---------------------------------------------------------------------------------------

COMPARE = ["=", "<>", "<", ">", "<=", ">="]
NUMBERS = {"smallint": ["0", "-32768", "32767", "7"], "integer": ["0", "-2147483648", "2147483647", "-7"],
           "bigint": ["0", "-9223372036854775808", "9223372036854775807", "3"], "real": ["0", "-1.5", "3e38", "NaN", "Infinity", "1e-40"],
           "double precision": ["0", "2.5", "1e308", "-Infinity", "NaN", "1e-300"], "numeric": ["0", "1.10", "-3", "1e20", "NaN", "Infinity", "0.0001", "-Infinity"]}
OPERANDS = [
    (["+", "-", "*", "/", "%"] + COMPARE, NUMBERS, NUMBERS),
    (["^"], {k: NUMBERS[k] for k in ["double precision", "numeric"]}, {"double precision": ["0", "2", "-1", "0.5"], "numeric": ["0", "2", "-1", "0.5", "3"]}),
    (["&", "|", "#"], {k: NUMBERS[k] for k in ["smallint", "integer", "bigint"]}, {k: NUMBERS[k] for k in ["smallint", "integer", "bigint"]}),
    (["<<", ">>"], {k: NUMBERS[k] for k in ["smallint", "integer", "bigint"]}, {"integer": ["0", "1", "15", "31", "33", "-1", "64"]}),
    (COMPARE, {"text": ["", "a", "ab", "b", "B", "é"], "name": ["a"], "character varying": ["a", "a "]}, {"text": ["a", "ab", "é"], "name": ["a", "b"], "character varying": ["a "]}),
    (COMPARE + ["~<~", "~>=~"], {"character(4)": ["", "a", "a b", "b"]}, {"character(6)": ["", "a", "a b", "b", "a\t"]}),
    (COMPARE, {'"char"': ["", "a", "b"]}, {'"char"': ["a", ""]}),
    (COMPARE, {"bytea": ["\\x", "\\x00", "\\x61", "\\xff"]}, {"bytea": ["\\x", "\\x00", "\\x6162"]}),
    (COMPARE, {"boolean": ["t", "f"]}, {"boolean": ["t", "f"]}),
    (COMPARE, {"oid": ["1", "4294967295"]}, {"oid": ["1", "2"], "integer": ["1", "-1"]}),
    (COMPARE, {"uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]}, {"uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"]}),
    (COMPARE + ["-"], {"date": ["2020-01-01", "infinity", "5874897-12-31"], "timestamp": ["2020-01-01 00:00", "-infinity", "2020-01-01 10:00"], "timestamp with time zone": ["2020-01-01 00:00+00", "infinity"]},
     {"date": ["2020-01-01", "1999-12-31", "-infinity"], "timestamp": ["2020-01-01 00:00", "2020-03-01 12:34:56.789"], "timestamp with time zone": ["2020-01-01 00:00+00", "2019-05-05 05:05+05"]}),
    (COMPARE + ["+", "-"], {"interval": ["1 day", "24:00", "1 mon", "-1 year", "1 mon -30 days"]}, {"interval": ["1 day", "30 days", "00:00:01", "-1 mon 29 days 24:00"]}),
    (COMPARE + ["-"], {"time": ["10:00", "24:00"]}, {"time": ["10:00", "00:00:00.000001"]}),
    (["+", "-"], {"date": ["2020-01-31", "infinity", "5874897-12-31"], "timestamp": ["2020-01-31 10:00", "2020-02-29 00:00", "infinity", "294276-12-31 23:00"], "timestamp with time zone": ["2020-03-31 10:00+00"], "time": ["23:30", "00:00"]},
     {"interval": ["1 mon", "-1 mon", "1 year", "1 day", "36:00", "1 mon 1 day 01:01:01.5", "-00:00:00.000001", "300000 years", "999999999 days"]}),
    (["+", "-"], {"date": ["2020-01-31", "-infinity", "5874897-12-31"]}, {"integer": ["0", "1", "-1", "2147483647"], "smallint": ["1"], "bigint": ["1"], "time": ["10:00"]}),
    (["+"], {"integer": ["5"], "time": ["10:00"], "interval": ["1 day 01:00"]}, {"date": ["2020-01-01"], "timestamp": ["2020-01-01 01:00"], "time": ["23:30"], "timestamp with time zone": ["2020-01-01 00:00+00"]}),
    (["*", "/"], {"interval": ["1 day", "1 mon", "1 year 1 mon 1 day 01:01:01", "-1 mon", "00:00:01"]}, {"double precision": ["2", "0.5", "-1.5", "0", "0.333", "1e10", "NaN"], "integer": ["3"], "numeric": ["1.5"]}),
    (["*"], {"double precision": ["1.5"], "integer": ["3"]}, {"interval": ["1 day", "1 mon 1 day"]}),
    (["||"], {"text": ["a", ""], "character(3)": ["x"], "integer": ["5"], "boolean": ["t"], "bytea": ["\\x00"], "unknown": ["lit"], "date": ["2020-01-01"]},
     {"text": ["b", ""], "character(3)": ["y"], "numeric": ["1.50"], "boolean": ["f"], "bytea": ["\\xff"], "unknown": ["lit"]}),
    (["~~", "!~~", "~~*"], {"text": ["", "abc", "ABC", "a%c", "日本語", "a\\c", "aXbXc"], "character(5)": ["abc"], "name": ["abc"]},
     {"text": ["", "%", "a%", "%c", "_bc", "a_c", "a\\%c", "a\\\\c", "%b%", "___", "日_語", "abc", "%%", "a%b%c", "\\", "a\\", "%\\", "abc  ", "_%_"]}),
    (["~~"], {"bytea": ["\\x6100ff"]}, {"bytea": ["a%", "\\x61005f", "__"]}),
    (["^@"], {"text": ["abc"]}, {"text": ["ab", "", "b"]}),
    (["~", "!~", "~*"], {"text": ["", "abc", "ABC", "aaa", "a.c", "foo bar", "pg_class", "x1y2", "日本語"], "name": ["pg_class"]},
     {"text": ["", "a", "^a", "c$", "^(abc)$", "^abc$", "a.c", "a\\.c", "a*", "a+", "^a{3}$", "^a{1,2}$", "a{2,}", "[abc]", "[^abc]", "^[a-c]+$", "[[:digit:]]", "\\d\\w", "(a|b)c", "a|b", "(?:ab)+c", "\\mfoo\\M", "o\\y", "a**", "(", ")", "[", "a{2", "a{3,2}", "*", "x??", "^.{3}$", "\\s", "[]a]", "[a-]", "^(pg_.*)$"]}),
]
UNARY = [("-", {k: v for k, v in NUMBERS.items()}), ("+", NUMBERS), ("@", NUMBERS), ("~", {k: NUMBERS[k] for k in ["smallint", "integer", "bigint"]}),
         ("-", {"interval": ["1 mon -1 day 01:00"]}), ("|/", {"double precision": ["2", "-1"]}), ("||/", {"double precision": ["27"]})]


def operators():
    rows = [(op, lt, l, rt, r) for ops, lefts, rights in OPERANDS for op in ops
            for lt in lefts for l in lefts[lt] for rt in rights for r in rights[rt]]
    rows += [(op, "-", "", rt, r) for op, rights in UNARY for rt in rights for r in rights[rt]]
    questions = [(literal(lt, l) if lt != "-" else "") + f" operator(pg_catalog.{op}) " + literal(rt, r) for op, lt, l, rt, r in rows]
    answers = ask(questions)
    # One error per operator and pair of types says that there is no such operator.
    seen, kept = set(), []
    for row, a in zip(rows, answers):
        missing = a[1].startswith(("!42883", "!42725"))
        if missing and (row[0], row[1], row[3]) in seen:
            continue
        if missing:
            seen.add((row[0], row[1], row[3]))
            a = [a[0], a[1].replace("pg_catalog.", "")]
        kept.append((row[0], row[1], escape(row[2]), row[3], escape(row[4]), a[0], a[1]))
    write("operator.txt", "operator, left type, left, right type, right: result type, result", kept)


def operator_resolution():
    names = ["=", "<", "+", "-", "*", "/", "%", "^", "||", "~~", "~", "&", "<<", "~~*", "^@"]
    types = TYPES + ["unknown"]
    def one(t):
        return "null" if t == "unknown" else f"null::{t}"
    rows = [(op, l, r) for op in names for l in types for r in types]
    answers = [a[0] for a in ask([f"select {one(l)} operator(pg_catalog.{op}) {one(r)} limit 0" for op, l, r in rows], RESOLVE, "resolved")]
    prefix = [(op, r) for op in ["-", "+", "@", "~", "|/"] for r in types]
    more = [a[0] for a in ask([f"select operator(pg_catalog.{op}) {one(r)} limit 0" for op, r in prefix], RESOLVE, "resolved")]
    rows += [(op, "-", r) for op, r in prefix]
    write_matrix("operator_resolution.txt", "operator, left type", [((op, l), r, a) for (op, l, r), a in zip(rows, answers + more)])


def write_matrix(name, comment, cells):
    """One line for all the last types that go with the columns before them."""
    lines = {}
    for key, _, answer in cells:
        lines.setdefault(key, []).append({"none": ".", "ambiguous": "?", "bpchar": "character", "jsonb": ".", "time with time zone": "."}.get(answer, answer))
    write(name, comment + ": the result with each of the last types below; . none, ? ambiguous",
          [("types", *TYPES, "unknown")] + [(*key, *answers) for key, answers in lines.items()])


# Finds the type without evaluating: a view's column.
RESOLVE = r"""
create or replace function pg_temp.resolved(q text) returns text language plpgsql as $$
declare t text;
begin
  execute 'create temp view v as ' || replace(q, 'select ', 'select x from (select ') || ') s(x)';
  select format_type(atttypid, -1) into t from pg_attribute where attrelid = 'v'::regclass and attnum = 1;
  drop view v;
  return t;
exception when undefined_function then return 'none';
  when ambiguous_function then return 'ambiguous';
  when others then return 'none';
end $$;
"""

# --- Functions ---------------------------------------------------------------------------------------

I, N, F8, X, B = "integer", "numeric", "double precision", "text", "bytea"
NS = ["0", "1.5", "-1.5", "2.5", "-2.5", "123.456", "1e20", "NaN", "Infinity", "-Infinity", "0.0005", "99999.99999"]
FS = ["0", "1.5", "-1.5", "2.5", "-2.5", "1e300", "NaN", "Infinity", "-Infinity", "0.1"]
POSITIVE = ["1", "2", "10", "0.5", "0.0001", "123.456", "1e10", "12345678901234567890", "0", "-1", "NaN", "Infinity", "1.0000000001", "0.99999", "1e-20", "2.000000000000000000000000000000", "1e100", "100"]
WORDS = ["", "a", "abc", "Hello World", "日本語テキスト", "  trim me  ", "ÀÉ straße", "a,b,,c"]
CALLS = [
    (["abs", "ceil", "floor", "round", "trunc", "sign", "ceiling"], [(N, NS)]), (["abs", "ceil", "floor", "round", "trunc", "sign", "cbrt"], [(F8, FS)]),
    (["abs"], [(I, ["-5", "-2147483648"])]), (["abs"], [("smallint", ["-32768"])]), (["abs"], [("bigint", ["-9223372036854775808", "-3"])]),
    (["round", "trunc"], [(N, ["123.456", "-123.455", "99.995", "0.5", "1e10", "NaN", "Infinity"]), (I, ["0", "1", "2", "-1", "-2", "-3", "10", "30"])]),
    (["sqrt", "ln", "log"], [(N, POSITIVE)]), (["sqrt", "ln", "log"], [(F8, POSITIVE)]),
    (["sqrt"], [(N, ["15241578750190521", "2e-100", "99999999999999999999999999999999999999.99", "1e-1000", "0.25", "10000", "3"])]),
    (["exp"], [(N, ["0", "1", "-1", "0.5", "10", "100", "-100", "1000", "5999", "6001", "-6001", "NaN", "Infinity", "-Infinity", "1.2345678901234567890123456789"])]),
    (["exp"], [(F8, ["0", "1", "710", "-800", "Infinity", "-Infinity", "NaN"])]),
    (["power"], [(N, ["0", "1", "2", "-2", "1.5", "0.001", "10", "123.456", "NaN", "Infinity", "-Infinity", "1.0001", "9"]), (N, ["0", "1", "2", "-1", "0.5", "-0.5", "10", "-10", "3.7", "100", "NaN", "Infinity", "-Infinity", "2.0", "1000", "-400"])]),
    (["power"], [(F8, ["0", "1", "2", "-2", "1.5", "NaN", "Infinity", "-Infinity", "1e200"]), (F8, ["0", "2", "-1", "0.5", "3", "NaN", "Infinity", "-Infinity", "-200"])]),
    (["log"], [(N, ["2", "10", "0.5", "1", "0", "1.0001"]), (N, ["8", "1000", "0.001", "1", "0", "-1", "2.5"])]),
    (["mod", "div"], [(N, ["10", "-10", "10.5", "1e20", "NaN", "Infinity"]), (N, ["3", "-3", "0.7", "0", "Infinity"])]),
    (["mod", "gcd", "lcm"], [(I, ["10", "-10", "0", "-2147483648", "12"]), (I, ["3", "-1", "0", "8", "-2147483648"])]),
    (["gcd", "lcm"], [("bigint", ["10", "-9223372036854775808", "0"]), ("bigint", ["4", "0", "-9223372036854775808"])]),
    (["gcd", "lcm"], [(N, ["10.5", "0", "-4"]), (N, ["1.5", "0", "6", "NaN"])]),
    (["scale", "min_scale", "trim_scale"], [(N, ["1.500", "100", "0.000", "NaN", "1e-5", "Infinity"])]),
    (["degrees", "radians", "sin", "cos", "tan"], [(F8, ["0", "1", "Infinity", "NaN", "3.14159"])]), (["pi"], []),
    (["lower", "upper", "initcap"], [(X, ["", "a", "Hello World", "aB1c d'e", None])]),
    (["length", "char_length", "octet_length", "bit_length", "reverse", "ascii", "btrim", "ltrim", "rtrim", "quote_ident", "quote_literal", "quote_nullable"], [(X, WORDS + ["select", "a\\b'c", "Mixed", "1a", None])]),
    (["length", "octet_length"], [("character(5)", ["", "ab", "日"])]), (["length", "octet_length", "bit_length", "bit_count"], [(B, ["", "\\x00ff"])]),
    (["substr", "substring"], [(X, ["abcdef", "日本語"]), (I, ["1", "2", "0", "-1", "7", "2147483647"])]),
    (["substr", "substring"], [(X, ["abcdef", "日本語"]), (I, ["1", "3", "0", "-2", "10"]), (I, ["0", "2", "5", "-1", "2147483647"])]),
    (["substring"], [(B, ["\\x010203"]), (I, ["1", "2", "0", "9"]), (I, ["0", "2", "-1"])]),
    (["left", "right", "repeat"], [(X, ["abcdef", "日本語", ""]), (I, ["0", "1", "2", "-1", "-2", "10", "-10"])]),
    (["lpad", "rpad"], [(X, ["abc", "日本語"]), (I, ["0", "2", "5", "-1", "10"]), (X, ["", "x", "xy", "日本"])]), (["lpad", "rpad"], [(X, ["abc"]), (I, ["5", "2"])]),
    (["strpos", "position"], [(X, ["abcabc", "日本語", ""]), (X, ["c", "", "z", "本", "abc"])]), (["position"], [(B, ["\\x0102"]), (B, ["\\x02", "\\x", "\\x03"])]),
    (["btrim", "ltrim", "rtrim"], [(X, ["xxabcxx", "xyxabcyx", "日本語日", ""]), (X, ["x", "xy", "日", ""])]), (["btrim", "ltrim", "rtrim"], [(B, ["\\x00010200"]), (B, ["\\x00", "\\x0002"])]),
    (["replace"], [(X, ["abcabc", "", "日本"]), (X, ["a", "bc", "", "本"]), (X, ["", "XY"])]), (["translate"], [(X, ["12345", "日本"]), (X, ["143", "本", ""]), (X, ["ax", "", "x"])]),
    (["overlay"], [(X, ["Txxxxas"]), (X, ["hom"]), (I, ["2", "0", "10"]), (I, ["4", "0", "-1", "100"])]), (["overlay"], [(X, ["abcdef"]), (X, ["XY", ""]), (I, ["1", "6", "-3"])]),
    (["split_part"], [(X, ["a,b,c", "", "abc", ",a,", "a::b"]), (X, [",", "", "::", "x"]), (I, ["1", "2", "-1", "-3", "0", "4", "-5"])]),
    (["starts_with"], [(X, ["abc", ""]), (X, ["ab", "", "b"])]), (["chr"], [(I, ["65", "233", "26085", "128512", "0", "-1", "1114112", "55296"])]),
    (["to_hex"], [(I, ["255", "-1", "0"])]), (["to_hex"], [("bigint", ["255", "-1"])]),
    (["encode"], [(B, ["\\x", "\\x00ff61", "\\x" + "616263" * 40]), (X, ["hex", "base64", "escape", "HEX", "rot13"])]),
    (["decode"], [(X, ["", "6162", "6x", "616", "YWJj", "YWI=", "YQ==", "YQ", "Y", "Y Q\n==", "=YQ=", "a\\000b", "é", "YQ=a", "YWJj="]), (X, ["hex", "base64", "escape"])]),
    (["get_byte"], [(B, ["\\x0102"]), (I, ["0", "1", "2", "-1"])]), (["set_byte"], [(B, ["\\x0102"]), (I, ["0", "1", "2"]), (I, ["255", "256"])]),
    (["concat"], [(X, ["a", None]), (I, ["1", None]), ("boolean", ["t"]), ("character(3)", ["x"])]), (["concat_ws"], [(X, [",", None, ""]), (X, ["a", None]), (I, ["1", None])]),
    (["num_nulls", "num_nonnulls"], [(X, ["a", None]), (I, ["1", None])]), (["like_escape"], [(X, ["a#%b", "a\\b", "##"]), (X, ["#", "", "\\", "ab"])]),
    (["regexp_replace"], [(X, ["foobarbaz", "aaa", "日本語"]), (X, ["b..", "a*", "(o)(b)", "x", "^", "本"]), (X, ["X", "[\\1\\2]", "<\\&>", "\\\\"])]),
    (["regexp_replace"], [(X, ["foobarbaz", "aaa", "abc"]), (X, ["b..", "a*", "B", "", "a|ab"]), (X, ["X", "<\\&>"]), (X, ["g", "i", "gi", "z"])]),
    (["substring"], [(X, ["foobar", "abcabc"]), (X, ["o.b", "o(.)b", "x", "b.*?c", "(a)|(b)", "a|ab|abc"])]), (["regexp_count"], [(X, ["abcabc", "aaa", ""]), (X, ["a", "a*", "bc", ""])]),
    (["regexp_like"], [(X, ["abc"]), (X, ["B", "b"]), (X, ["i", "", "g"])]), (["regexp_substr"], [(X, ["foobar"]), (X, ["o+", "z", "a$"])]),
    (["format_type"], [("oid", ["23", "1700", "1042", "1043", "1114", "1184", "1083", "0", "99999999"]), (I, ["-1", "14", "655366", "3", None])]), (["format_type"], [("oid", ["1186"]), (I, ["2147418115", "-1", "470286339"])]),
]
D, TS, TZ, TM, IV = "date", "timestamp", "timestamp with time zone", "time", "interval"
FIELDS = ["year", "month", "day", "hour", "minute", "second", "milliseconds", "microseconds", "quarter", "week", "dow", "isodow", "doy", "isoyear", "epoch", "julian", "decade", "century", "millennium", "timezone", "timezone_hour", "timezone_minute", "YEAR", "foo", "years"]
MOMENTS = ["2020-02-29 12:34:56.789012", "1999-12-31 23:59:59.999999", "0044-03-15 01:02:03 BC", "2001-01-01 00:00:00", "2000-12-31 00:00:00", "infinity", "-infinity", "0001-01-01 00:00:00", "2021-01-03 05:00:00"]
PATTERNS = ["YYYY-MM-DD HH24:MI:SS", "YYYY-MM-DD HH:MI:SS AM", "Day, DD Month YYYY", "FMDay, FMDD FMMonth YYYY", "DY Dy dy MON Mon mon", "DDD DDth dth D ID IW IYYY Q", "MS US FF1 FF3 FF6", "YYY YY Y Y,YYY CC J", "WW W RM FMRM rm", "BC AD b.c. A.M. pm", "SSSS SSSSS", "\"quoted YYYY\" YYYY", "HH12 HH24 FMHH", "TZH:TZM OF", "MONTH month", "yyyymmdd", "\\\"x\\\"", "FMMM FMSS FMMI", "abc %", "DDTH FMDDTH", ""]
NUMBER_PATTERNS = ["999", "9999.99", "0000.00", "FM999.99", "FM990.00", "9,999", "9G999D99", "S999", "999S", "MI999", "999MI", "999PR", "PL999", "SG999", "FM9,999,999", "9.9", "0.9", "FM0.999", "99", "FM00000", "\"x\"999", "999.", "0999", "FM9.9", ""]
CALLS += [
    (["extract", "date_part"], [(X, FIELDS), (TS, MOMENTS)]), (["extract", "date_part"], [(X, FIELDS), (TZ, MOMENTS[:3] + ["infinity"])]), (["extract", "date_part"], [(X, FIELDS), (D, ["2020-02-29", "0044-03-15 BC", "infinity"])]),
    (["extract", "date_part"], [(X, FIELDS), (TM, ["12:34:56.789"])]), (["extract", "date_part"], [(X, FIELDS), (IV, ["3 years 5 mons 7 days 25:01:02.5", "-13 mons -1 day -01:00", "2500 years"])]),
    (["date_trunc"], [(X, FIELDS), (TS, MOMENTS)]), (["date_trunc"], [(X, FIELDS), (TZ, MOMENTS[:2])]), (["date_trunc"], [(X, FIELDS), (IV, ["1234 years 5 mons 7 days 25:01:02.5678", "-13 mons -1 day -01:02:03"])]), (["date_trunc"], [(X, ["day", "hour", "month"]), (TZ, ["2020-02-29 20:34:56+00"]), (X, ["UTC", "America/New_York", "+3", "foo/bar"])]),
    (["age"], [(TS, ["2020-03-31 10:00", "2020-01-31 10:00", "2020-03-01 09:00"]), (TS, ["2020-01-31 10:00", "2019-12-31 23:00", "2020-02-29 10:00:00.5", "2024-05-01 00:00"])]), (["age"], [(TZ, ["2020-03-31 10:00+00"]), (TZ, ["2019-02-28 11:00+00", "2021-01-01 00:00+00"])]),
    (["justify_hours", "justify_days", "justify_interval"], [(IV, ["27:00", "35 days 27:00", "-1 mon 35 days -27:00", "1 mon -1 hour", "1 mon -1 day", "-1 day 25:00", "1 day -25:00", "2147483647 days 24:00"])]),
    (["isfinite"], [(TS, ["infinity", "2020-01-01"])]), (["isfinite"], [(D, ["-infinity", "2020-01-01"])]), (["isfinite"], [(IV, ["1 day"])]),
    (["make_date"], [(I, ["2020", "-44", "0", "6000000"]), (I, ["2", "13"]), (I, ["29", "30"])]), (["make_time"], [(I, ["10", "24", "25"]), (I, ["0", "60"]), (F8, ["0", "30.5", "60", "60.5", "-1"])]), (["make_timestamp"], [(I, ["2020", "300000"]), (I, ["2"]), (I, ["29", "31"]), (I, ["10"]), (I, ["20"]), (F8, ["30.5"])]),
    (["to_timestamp"], [(F8, ["0", "1577836800.5", "-1", "NaN", "Infinity", "1e20", "9224318016000"])]), (["timezone"], [(X, ["UTC", "America/New_York", "est", "+3", "-03:30", "EST5EDT", "foo", "europe/berlin"]), (TZ, ["2020-01-01 00:00+00", "2020-07-01 00:00+00", "infinity"])]), (["timezone"], [(X, ["UTC", "America/New_York", "pdt", "+3"]), (TS, ["2020-03-08 02:30", "2020-11-01 01:30", "2020-07-01 00:00"])]), (["timezone"], [(IV, ["03:00", "-05:30", "1 day", "1 mon"]), (TS, ["2020-01-01 00:00"])]),
    (["date_bin"], [(IV, ["15 minutes", "1 day", "1 mon", "0", "-1 hour"]), (TS, ["2020-02-11 15:44:17", "1999-01-01 00:00"]), (TS, ["2001-01-01 00:02:30", "infinity"])]),
    (["to_char"], [(TS, ["2020-02-09 14:34:56.789012", "1999-12-31 00:05:06", "0044-03-15 12:02:03 BC", "infinity"]), (X, PATTERNS)]), (["to_char"], [(TZ, ["2020-02-09 14:34:56.789012+00"]), (X, PATTERNS + ["TZ tz"])]), (["to_char"], [(IV, ["1 year 2 mons 3 days 28:05:06.5"]), (X, ["HH24:MI:SS", "YYYY MM DD", "HH12", "Day", "MS"])]),
    (["to_char"], [(N, ["0", "1", "-1", "12.345", "-12.345", "1485", "1234567", "0.1", "-0.1", "99.995"]), (X, NUMBER_PATTERNS)]), (["to_char"], [(I, ["0", "-485", "485"]), (X, NUMBER_PATTERNS)]), (["to_char"], [(F8, ["0.5", "-1485.25"]), (X, ["9999.99", "FM9999.99"])]),
]


def functions(name, comment, calls, setup=""):
    rows = [(f, [t for t, _ in args], list(values)) for names, args in calls for f in names for values in itertools.product(*[v for _, v in args])]
    questions = []
    for f, types, values in rows:
        prefix = "pg_catalog.extract" if f == "extract" else "pg_catalog." + f
        questions.append(('pg_catalog."' + f + '"') + "(" + ", ".join(literal(t, v) for t, v in zip(types, values)) + ")")
    answers = ask(questions, setup)
    lines = []
    for (f, types, values), a in zip(rows, answers):
        if a[1].startswith("!42883"):
            continue
        columns = [f, a[0], a[1]]
        for t, v in zip(types, values):
            columns += [t, "\\N" if v is None else escape(v)]
        lines.append(tuple(columns))
    write(name, comment, lines)


def function_resolution():
    one = ["abs", "round", "length", "lower", "sqrt", "ceil", "ln", "sign", "btrim", "ascii", "chr", "sum", "avg", "min", "max", "count", "bool_and", "date_part", "now", "to_hex", "octet_length", "int4", "text", "numeric", "float8", "name", "exp", "isfinite", "quote_literal", "scale", "nosuch", "variance"]
    two = ["mod", "power", "round", "strpos", "left", "repeat", "date_trunc", "date_part", "extract", "concat", "log", "string_agg", "age", "timezone", "to_char", "substring", "position", "starts_with", "encode", "div", "gcd", "substr", "btrim"]
    types = TYPES + ["unknown"]
    def value(t):
        return "null" if t == "unknown" else f"null::{t}"
    rows = [(f, [t]) for f in one for t in types] + [(f, [a, b]) for f in two for a in types for b in types]
    answers = [a[0] for a in ask([f'select "{f}"(' + ", ".join(value(t) for t in ts) + ") limit 0" for f, ts in rows], RESOLVE, "resolved")]
    write_matrix("function_resolution.txt", "function, first of two types or -",
                 [((f, ts[0] if len(ts) == 2 else "-"), ts[-1], a) for (f, ts), a in zip(rows, answers)])


# --- Aggregates --------------------------------------------------------------------------------------

def aggregates():
    sets = [("integer", ["1", "2", "4", None]), ("integer", ["2147483647"] * 3), ("integer", []), ("integer", [None]), ("smallint", ["1", "-5", "32767"]), ("bigint", ["9223372036854775807", "9223372036854775807", "-1"]),
            ("bigint", ["1", "2"]), ("numeric", ["1.5", "2.25", "-100000000000000000000.001"]), ("numeric", ["1", "NaN"]), ("numeric", ["Infinity", "1"]), ("numeric", ["Infinity", "-Infinity"]), ("numeric", ["0.0001", "1e20", "-1e20"]), ("numeric", ["1.10"]),
            ("real", ["1.1", "2.2", "3.3"]), ("double precision", ["1.1", "2.2", "3.3"]), ("double precision", ["1e308", "1e308"]), ("double precision", ["NaN", "1"]), ("double precision", ["Infinity"]),
            ("interval", ["1 mon", "1 day", "01:00"]), ("text", ["b", "a", "", None]), ("date", ["2020-01-01", "1999-01-01"]), ("time", ["10:00", "09:00"]), ("timestamp", ["2020-01-01 00:00", "2021-01-01 00:00"]), ("character(3)", ["b", "a"]), ("boolean", ["t", "f"]), ("boolean", ["t", "t"]), ("boolean", ["f", None]), ("boolean", []), ("oid", ["1", "4294967295"])]
    names = ["count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or", "variance", "var_pop", "stddev", "stddev_pop"]
    rows = [(f, t, v) for f in names for t, v in sets]
    questions = [f"(select {f}(x::{t}) from unnest(array[{', '.join('null' if v is None else quote(v) for v in values)}]::text[]) x)" for f, t, values in rows]
    answers = ask(questions)
    write("aggregate.txt", "aggregate, argument type: result type, result, values", [(f, t, a[0], a[1], *["\\N" if v is None else escape(v) for v in values]) for (f, t, values), a in zip(rows, answers) if not a[1].startswith("!42883")])


inputs()
wire()
casts()
cast_contexts()
operators()
operator_resolution()
functions("function.txt", "function: result type, result, then type and text of each argument", CALLS)
ZONE_CALLS = [(["date_trunc"], [(X, ["day", "week", "month", "year", "hour"]), (TZ, ["2020-03-08 12:00+00", "2020-11-01 12:00+00", "2020-07-04 03:00+00"])]),
              (["extract"], [(X, ["hour", "timezone", "epoch", "day", "timezone_hour"]), (TZ, ["2020-03-08 12:00+00", "1883-11-18 12:00+00", "2050-07-04 03:00+00"])]),
              (["age"], [(TZ, ["2020-03-08 12:00+00"]), (TZ, ["2020-01-01 00:00+00", "2019-11-03 05:30+00"])]),
              (["to_char"], [(TZ, ["2020-07-04 03:00+00"]), (X, ["YYYY-MM-DD HH24:MI:SS TZH:TZM OF"])])]
functions("function_zone.txt", "as function.txt, with TimeZone America/New_York", ZONE_CALLS, "set timezone = 'America/New_York';\n")
ZONE_TEXTS = ["2020-01-01 00:00", "2020-07-01 00:00", "2020-03-08 01:59:59", "2020-03-08 02:00", "2020-03-08 02:30", "2020-03-08 03:00", "2020-11-01 00:59", "2020-11-01 01:00", "2020-11-01 01:30", "2020-11-01 02:00",
              "1883-11-18 12:00", "1883-11-18 11:59", "1800-01-01 00:00", "2037-07-01 00:00", "2038-07-01 00:00", "2500-03-14 02:30", "2500-12-01 00:00", "0001-01-01 00:00 BC", "294276-12-31 12:00", "2020-01-01 00:00+00", "1942-02-09 02:30"]
for zone, file in [("America/New_York", "zone_new_york.txt"), ("Europe/Berlin", "zone_berlin.txt"), ("Asia/Kolkata", "zone_kolkata.txt"), ("Australia/Lord_Howe", "zone_lord_howe.txt"), ("<+03>-03", "zone_fixed.txt"), ("EST5EDT,M3.2.0,M11.1.0", "zone_rule.txt")]:
    answers = ask([f"{quote(v)}::timestamptz" for v in ZONE_TEXTS], f"set timezone = '{zone}';\n")
    write(file, f"timestamptz in {zone}", [("timestamp with time zone", escape(v), a[1]) for v, a in zip(ZONE_TEXTS, answers)])
function_resolution()
aggregates()
