"""The run directory: one lab's files, its state, its lock."""
import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from typing import Iterator, Optional

from .tools import LabError

DEFAULT = "/var/tmp/godwit-lab"
LABEL = "godwit-lab"  # a file that says: this directory is a lab's, and may be removed with all in it
EMPTY = {"hosts": [], "storage": [], "guests": {}, "links": {}}


class RunDir:
    def __init__(self, name: str, path: Optional[str]):
        if not name.replace("-", "").replace("_", "").isalnum():
            raise LabError(f"lab name '{name}': use letters, digits, '-' and '_'")
        self.path = os.path.realpath(path or os.path.join(DEFAULT, name))

    def at(self, *parts: str) -> str:
        return os.path.join(self.path, *parts)

    # ---- state

    def load(self) -> dict:
        try:
            with open(self.at("lab.json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return json.loads(json.dumps(EMPTY))

    def save(self, state: dict) -> None:
        with open(self.at("lab.json.new"), "w") as f:
            json.dump(state, f, indent=1)
        os.rename(self.at("lab.json.new"), self.at("lab.json"))

    # ---- one command at a time changes a lab

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The lock lies beside the directory, and goes with it: whoever waited for a lock that is gone asks anew."""
        path = self.path + ".lock"
        while True:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                lock = open(path, "w")
            except FileNotFoundError:
                continue
            with lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not os.path.exists(path) or not os.path.samestat(os.fstat(lock.fileno()), os.stat(path)):
                    continue
                try:
                    yield
                finally:
                    if not os.path.exists(self.path):
                        os.unlink(path)
                        self._remove_parent()
                return

    def _remove_parent(self) -> None:
        """The default's own folder, when no other lab is in it."""
        if os.path.dirname(self.path) == DEFAULT:
            try:
                os.rmdir(DEFAULT)
            except OSError:
                pass  # another lab's

    # ---- making and removing it

    def check_ours(self) -> None:
        """Never removes, or makes a lab of, a directory that something else lives in."""
        if os.path.isdir(self.path) and os.listdir(self.path) and not os.path.exists(self.at(LABEL)):
            raise LabError(f"{self.path} is not empty and not a lab's: choose another --run-dir")

    def create(self) -> None:
        self.check_ours()
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)
        with open(self.at(LABEL), "w"):
            pass

    def remove(self) -> bool:
        """True when it is gone. The label goes last, so that a removal that was interrupted can be taken up again."""
        if not os.path.isdir(self.path):
            return True
        for name in os.listdir(self.path):
            if name != LABEL:
                path = self.at(name)
                if os.path.isdir(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.unlink(path)
        if os.listdir(self.path) in ([], [LABEL]):
            shutil.rmtree(self.path)
        return not os.path.exists(self.path)
