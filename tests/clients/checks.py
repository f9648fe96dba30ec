"""For the Python scripts of this directory: what they check, and what the server does not offer (0A000 says so)."""
import contextlib
import sys
import traceback


class Checks:
    def __init__(self):
        self.count = self.failed = 0

    def fail(self, name, text):
        self.failed += 1
        print(f"FAILED {name}: {text}")

    def same(self, name, expected, got):
        self.count += 1
        if expected != got or type(expected) is not type(got):
            self.fail(name, f"expected {expected!r}, got {got!r}")

    def true(self, name, value):
        self.same(name, True, bool(value))

    @contextlib.contextmanager
    def raises(self, name, sqlstate, kind=Exception):
        """What is run under it ends with this SQLSTATE, as an exception of this class."""
        self.count += 1
        try:
            yield
        except Exception as e:  # noqa: BLE001
            if sqlstate_of(e) != sqlstate or not isinstance(e, kind):
                self.fail(name, f"expected {sqlstate} as {kind.__name__}, got {sqlstate_of(e)} {e!r}")
        else:
            self.fail(name, f"expected {sqlstate}, nothing was raised")

    @contextlib.contextmanager
    def part(self, name):
        """One subject: an exception in it fails it, and a feature that is not offered ends it."""
        try:
            yield
        except Exception as e:  # noqa: BLE001
            if sqlstate_of(e) == "0A000":
                print(f"not offered by the server, so not tried: {name} ({str(e).splitlines()[0]})")
            else:
                self.count += 1
                self.fail(name, "".join(traceback.format_exception(e)))

    def end(self):
        print(f"{self.count} checks, {self.failed} failed")
        sys.exit(1 if self.failed else 0)


def sqlstate_of(e):
    return getattr(e, "sqlstate", None) or getattr(e, "pgcode", None)


def missing(package):
    print(f"{package} is missing; skipped")
    sys.exit(77)
