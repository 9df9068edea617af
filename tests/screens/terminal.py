"""A pseudo-terminal with a program in it, for the tests of the real screen."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pyte

LIMIT = 20  # seconds until a wait is given up


class Terminal:
    """Runs a command as the leader of a session of its own; reads what it draws."""

    def __init__(self, command, columns=80, rows=24, environment=None, term="xterm-256color"):
        self.master, self.slave = pty.openpty()
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self.set_size(columns, rows)
        self.before = self.modes()
        env = {**os.environ, "TERM": term, "LC_ALL": "C.UTF-8", **(environment or {})}
        for name in ("LINES", "COLUMNS", "TMUX", "NO_COLOR", *(k for k, v in env.items() if v is None)):
            if environment is None or environment.get(name) is None:
                env.pop(name, None)
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        env=env, start_new_session=True, preexec_fn=self._control)

    @staticmethod
    def _control():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may be under nohup

    def set_size(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.pump(0.05)
        self.screen.resize(rows, columns)
        self.set_size(columns, rows)  # the kernel sends SIGWINCH

    def modes(self):
        return termios.tcgetattr(self.slave)

    def pump(self, seconds, look=True):
        """Reads for so long. look: also keeps the picture of the screen up to date."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                data = os.read(self.master, 65536)
                self.raw += data
                if look:
                    self.stream.feed(bytes(data))

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, condition, what):
        """Until condition(text of the screen) holds; raises after LIMIT seconds."""
        end = time.monotonic() + LIMIT
        while not condition(self.text()):
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come; the screen shows:\n{self.text()}")
            self.pump(0.02)

    def wait_for(self, words):
        self.wait(lambda text: words in text, repr(words))

    def wait_until_gone(self, words):
        self.wait(lambda text: words not in text, f"the end of {words!r}")

    def type(self, text):
        os.write(self.master, text.encode())

    def flood(self, data):
        """Writes as fast as it is taken, reading meanwhile without looking; ends where the program leaves."""
        os.set_blocking(self.master, False)
        while data and self.process.poll() is None:
            readable, writable, _ = select.select([self.master], [self.master], [], LIMIT)
            assert readable or writable, f"it hangs with {len(data)} bytes to take"
            if readable:
                self.raw += os.read(self.master, 65536)
            elif writable:
                data = data[os.write(self.master, data[:512]):]
        os.set_blocking(self.master, True)

    def kill(self, number):
        os.kill(self.process.pid, number)

    def wait_exit(self, look=True):
        """The exit code; negative: died by that signal."""
        end = time.monotonic() + LIMIT
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"it did not leave; the screen shows:\n{self.text()}")
            self.pump(0.02, look)
        self.pump(0.05, look)
        return self.process.returncode

    def restored(self):
        """What was not put back on the terminal, as a list of words; empty: all was."""
        wrong = [] if self.modes() == self.before else ["terminal modes"]
        for what, on, off in (("alternate screen", b"\x1b[?1049h", b"\x1b[?1049l"),
                              ("hidden cursor", b"\x1b[?25l", b"\x1b[?25h"),
                              ("application keys", b"\x1b[?1h", b"\x1b[?1l"),
                              ("bracketed paste", b"\x1b[?2004h", b"\x1b[?2004l"),
                              ("mouse", b"\x1b[?1006;1000h", b"1000l")):
            if self.raw.rfind(on) > self.raw.rfind(off):
                wrong.append(what)
        cursor = self.screen.cursor
        if cursor.attrs != pyte.screens.Char(" "):
            wrong.append("colours")
        return wrong

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
