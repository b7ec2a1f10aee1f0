"""One cell from request to reply: streams, limits, interruption."""

from __future__ import annotations

import codecs
import os
import secrets
import selectors
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._frames import Frames, MalformedReply, encode
from ._text import Cleaner
from ._types import Stream
from ._worker_process import WorkerProcess

_GRACE_SECONDS = 2.0
_AGAIN_SECONDS = 0.3
_LAST_WORDS_SECONDS = 0.3
_POLL_SECONDS = 0.05
_READ = 1 << 16


@dataclass(slots=True)
class Printed:
    """One output stream."""

    callback: Stream | None
    pieces: list[str] = field(default_factory=list)
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    cleaner: Cleaner = field(default_factory=Cleaner)

    def add(self, data: bytes) -> None:
        """Decode, clean, keep and pass on."""
        self._give(self.cleaner.feed(self.decoder.decode(data)))

    def finish(self) -> None:
        """Nothing more comes: give out what looked unfinished."""
        self._give(self.cleaner.feed(self.decoder.decode(b"", final=True)) + self.cleaner.finish())

    def _give(self, text: str) -> None:
        if text:
            self.pieces.append(text)
            if self.callback is not None:
                self.callback(text)


class Cell:
    """Runs one cell on a worker. Used once.

    After `run`, `reply` is the worker's answer (None if it gave none) and `stopped` says which limit ended
    the cell: `"timeout"`, `"output"`, `"memory"`, `"interrupted"`, `"died"`, `"protocol"` or None. `lost`
    says that the worker is gone with it.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        number: int,
        output_bytes: int,
        out: Stream | None = None,
        err: Stream | None = None,
        *,
        interruption: threading.Event | None = None,
    ) -> None:
        self.reply: Mapping[str, Any] | None = None
        self.stopped: str | None = None
        self.lost = False
        self.stdout, self.stderr = Printed(out), Printed(err)
        self._worker, self._number = worker, number
        self._token = secrets.token_hex(8)  # what code of an earlier cell cannot have answered in advance
        self.output_bytes = self._room = output_bytes
        self._frames = Frames()
        self._interruption = interruption or threading.Event()
        self._deadline = self._again = 0.0
        self._over = False

    def discredit(self) -> None:
        """What the worker answered cannot be used: end it."""
        self._end("protocol")

    def exit_status(self) -> int | None:
        """How the worker ended, once it has; as reported from inside."""
        return self._worker.ended()

    @property
    def number(self) -> int:
        """Which cell of the session this is, counted from 1."""
        return self._number

    def run(self, code: str, timeout: float) -> Mapping[str, Any] | None:
        """Send the code and follow it to its end; the worker is idle or dead afterwards.

        Returns the worker's reply, if it gave one.
        """
        self._deadline = time.monotonic() + timeout
        try:
            self._discard()
            self._send(code)
            with selectors.PollSelector() as selector:
                for end in (self._worker.ends.channel, self._worker.ends.stdout, self._worker.ends.stderr):
                    selector.register(end, selectors.EVENT_READ)
                self._follow(selector)
        except BaseException:
            self._abandon()
            raise
        self._drain()
        return self.reply

    def _follow(self, selector: selectors.BaseSelector) -> None:
        while not self._over:
            now = time.monotonic()
            if self.stopped is None and self._interruption.is_set():
                self._stop("interrupted")
            elif now >= self._deadline:
                self._late()
            elif self.stopped is not None and now >= self._again:
                self._insist()
            else:
                for key, _ in selector.select(min(_POLL_SECONDS, self._deadline - now)):
                    if not self._take(key.fileobj):
                        selector.unregister(key.fileobj)

    def _late(self) -> None:
        """The time is over: first interrupt; if that was done already, end the worker."""
        if self.stopped is None:
            self._stop("timeout")
        else:
            self._end(self.stopped)

    def _stop(self, reason: str) -> None:
        self.stopped = reason
        self._deadline = time.monotonic() + _GRACE_SECONDS
        self._insist()

    def _insist(self) -> None:
        """Interrupt, now and again: a signal that comes just before the code begins is lost."""
        self._again = time.monotonic() + _AGAIN_SECONDS
        self._worker.interrupt()

    def _end(self, reason: str) -> None:
        self.stopped = reason
        self.lost = self._over = True
        self._worker.kill(reason)
        self._worker.ended()  # nothing goes on writing files

    def _take(self, source: object) -> bool:
        """Read what is ready; False at the end of a stream."""
        ends = self._worker.ends
        if source == ends.stdout:
            return self._print(ends.stdout, self.stdout)
        if source == ends.stderr:
            return self._print(ends.stderr, self.stderr)
        return self._listen()

    def _listen(self) -> bool:
        try:
            data = self._worker.ends.channel.recv(_READ)
            messages = self._frames.feed(data)
        except ConnectionError:
            data, messages = b"", []
        except MalformedReply:
            self._end("protocol")
            return False
        if not data:
            self._worker.ended(_LAST_WORDS_SECONDS)  # its own status, unless it only closed the channel
            self._end(self.stopped or self._worker.killed_for or "died")
            return False
        for message in messages:
            if self.reply is None and message.get("token") == self._token:
                self.reply, self._over = message, True
        return True

    def _print(self, fd: int, printed: Printed) -> bool:
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return True
        printed.add(data[: max(0, self._room)])
        self._room -= len(data)
        if self._room < 0 and self.stopped is None:
            self._stop("output")
        return bool(data)

    def _send(self, code: str) -> None:
        channel = self._worker.ends.channel
        channel.settimeout(_GRACE_SECONDS)
        try:
            channel.sendall(encode({"cell": self._number, "token": self._token, "code": code}))
        except (ConnectionError, TimeoutError):
            self._end("died")

    def _discard(self) -> None:
        """Drop what was printed since the last cell: it belongs to none."""
        for fd in (self._worker.ends.stdout, self._worker.ends.stderr):
            os.set_blocking(fd, False)
            self._read_all(fd, Printed(None), keep=False)

    def _drain(self) -> None:
        """Take what was printed before the reply was sent: it is in the pipes already."""
        self._read_all(self._worker.ends.stdout, self.stdout, keep=True)
        self._read_all(self._worker.ends.stderr, self.stderr, keep=True)
        self.stdout.finish()
        self.stderr.finish()

    def _read_all(self, fd: int, printed: Printed, *, keep: bool) -> None:
        for _ in range(64):  # a pipe's worth and more; a thread inside may go on printing for ever
            try:
                data = os.read(fd, _READ)
            except BlockingIOError:
                return
            if not data:
                return
            if keep:
                printed.add(data[: max(0, self._room)])
                self._room -= len(data)

    def _abandon(self) -> None:
        """The caller was interrupted: stop the cell, wait briefly, else end the worker."""
        self.stdout.callback = self.stderr.callback = None
        self._stop("interrupted")
        with selectors.PollSelector() as selector:
            selector.register(self._worker.ends.channel, selectors.EVENT_READ)
            selector.register(self._worker.ends.stdout, selectors.EVENT_READ)
            selector.register(self._worker.ends.stderr, selectors.EVENT_READ)
            self._follow(selector)
