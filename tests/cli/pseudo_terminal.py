"""Runs godwit on a pseudo-terminal of a given width."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
import unicodedata

from conftest import GODWIT, clean_environment


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Terminal:
    def __init__(self, words, columns=100, **environment):
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self.resize(columns, 0)
            os.execve(GODWIT, ["godwit", *words], clean_environment(**environment))
        self.status = None

    def resize(self, columns, fd=None):
        fcntl.ioctl(self.fd if fd is None else fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def press(self, keys):
        os.write(self.fd, keys)

    def read(self, until=None, seconds=15):
        """Until the text `until` was drawn, or else the end of the program."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in self.text):
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    data = b""
                if not data:
                    self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                    os.close(self.fd)
                    return self
                self.raw += data
        assert until and until in self.text, self.text
        return self

    @property
    def text(self):
        return self.raw.decode(errors="replace")

    @property
    def drawn(self):
        """Every line that was drawn in place, without colours."""
        return [re.sub(r"\x1b\[\d*m", "", line) for line in re.findall(r"\r([^\r\n]+?)\x1b\[K", self.text)]

    @property
    def screen(self):
        """What is left to read."""
        lines = []
        for line in self.text.replace("\r\n", "\n").split("\n"):
            shown = line.split("\r")[-1]
            lines.append(re.sub(r"\x1b\[\d*[mK]", "", shown))
        return [line for line in lines if line]
