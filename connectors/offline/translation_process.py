"""One of Apertium's modes as a row of processes that stay warm and translate text after text.

A mode file is the row as Apertium installed it (``lt-proc ... | apertium-tagger ... | ...``). Each
program runs with ``-z``: a NUL ends a text and flushes its translation. Two of their habits need
care, both found by hanging:

- ``lt-proc -b`` flushes a text only when the NUL behind the next one comes, so every text is
  followed by empty ones that push it through; their answers are counted and dropped.
- The tagger and the transfer hold words back until a sentence ends, and lose them at a NUL, so
  every text ends with a full stop and an empty blank (``.[]``, as apertium-destxt writes them).

When the worker dies, its socket closes, and end-of-file runs down the row.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.interfaces.errors import PermanentError, RetryableError

_PUSHERS = 2
_BLANK = "[]"
_SENTENCE_END = "." + _BLANK
_LONGEST_ANSWER_BYTES = 1 << 20


def commands_of(mode_file: Path) -> list[list[str]]:
    """The programs of a mode: no marks on unknown words (``-n``), a NUL flushes (``-z``).

    ``$1`` and ``$2`` in a mode file are places for the generator's and the tagger's options.
    """
    row = mode_file.read_text(encoding="utf-8").replace("$1", "-n").replace("$2", "")
    programs: list[list[str]] = [[]]
    for word in shlex.split(row):
        if word == "|":
            programs.append([])
        else:
            programs[-1].append(word)
    return [[program, "-z", *options] for program, *options in programs]


@dataclass(slots=True)
class ModePipeline:
    """One text at a time; the caller of ``translate`` sees to that.

    After any error, a cancelled call included, answers and texts may be out of step: stop it.
    """

    _processes: Sequence[subprocess.Popen[bytes]]
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    _owed: int = 0
    """Answers to pushers that come in front of the next text's."""

    @classmethod
    async def start(cls, mode_file: Path) -> ModePipeline:
        """Returns when the mode's dictionaries are loaded: 0.05 s to 2 s."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                processes = await asyncio.to_thread(_spawn, commands_of(mode_file), theirs)
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_ANSWER_BYTES)
        pipeline = cls(processes, reader, writer)
        try:
            await pipeline.translate("a")
        except BaseException:
            await pipeline.stop()
            raise
        return pipeline

    @property
    def process_ids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in self._processes)

    async def translate(self, text: str) -> str:
        """``text`` in Apertium's stream format, on one line, to the same."""
        if any(process.poll() is not None for process in self._processes):
            raise RetryableError("a translation program died")
        self._writer.write((text + _SENTENCE_END).encode() + b"\0" * (1 + _PUSHERS))
        try:
            await self._writer.drain()
            for _ in range(self._owed):
                await self._reader.readuntil(b"\0")
            answer = await self._reader.readuntil(b"\0")
        except (asyncio.IncompleteReadError, ConnectionError):
            raise RetryableError("a translation program died") from None
        self._owed = _PUSHERS
        translated = answer[:-1].decode("utf-8", "replace")
        # A row that lost a program answers with nothing but NULs: that is no translation.
        if not translated.endswith(_BLANK):
            raise RetryableError("a translation program lost the text")
        return translated.removesuffix(_BLANK).removesuffix(".")

    async def stop(self) -> None:
        """Kill what still runs, and reap it. May be repeated."""
        self._writer.transport.abort()
        for process in self._processes:
            process.kill()
        await asyncio.to_thread(_reap, self._processes)


def _spawn(commands: list[list[str]], end: socket.socket) -> list[subprocess.Popen[bytes]]:
    """Start the row; it reads from ``end`` and writes to it."""
    processes: list[subprocess.Popen[bytes]] = []
    incoming = end.fileno()
    try:
        for number, command in enumerate(commands, 1):
            is_last = number == len(commands)
            process = subprocess.Popen(
                # Loading dictionaries takes seconds of CPU when a new language is joined; who
                # recognises speech meanwhile goes first.
                ["nice", "-n", "10", *command],
                stdin=incoming,
                stdout=end.fileno() if is_last else subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the worker, which ends them when it is done
                env={**os.environ, "LC_ALL": "C.UTF-8"},  # Apertium takes bytes for Latin-1 in "C"
            )
            if processes and (pipe := processes[-1].stdout) is not None:
                pipe.close()
            processes.append(process)
            incoming = process.stdout.fileno() if process.stdout is not None else -1
    except OSError as error:
        for process in processes:
            process.kill()
        _reap(processes)
        if isinstance(error, FileNotFoundError):
            raise PermanentError(f"{error.filename} is not installed (Debian: apertium)") from None
        raise RetryableError(f"no translation process: {error.strerror}") from error
    return processes


def _reap(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
