"""A job that is due at an interval, and a file that has when it last ran, as Celery's beat keeps it."""

import os
import time


class Interval:
    def __init__(self, path, seconds):
        """A job that has never run is counted as run now."""
        self.path, self.seconds = path, seconds
        try:
            with open(path) as file:
                self.last = float(file.read())
        except FileNotFoundError:
            self.note(time.time())

    def runs(self, now):
        """Whether it is due at a time, in seconds since 1970; where it is, it counts as run then."""
        if now - self.last < self.seconds:
            return False
        self.note(now)
        return True

    def note(self, now):
        with open(f"{self.path}.new", "w") as file:
            file.write(repr(now))
        os.replace(f"{self.path}.new", self.path)
        self.last = now
