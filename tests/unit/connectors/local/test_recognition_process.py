"""Streams that are renewed, and the turns of many streams, over a model that plays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.calls.line_agreement import TextLine
from connectors.interfaces.speech_to_text import Recognition
from connectors.local.moonshine import SAMPLE_RATE_HZ, RenewedStream
from connectors.local.recognition_process import RecognitionServer
from connectors.offline.decoder_process import (
    LENGTH,
    READY,
    STREAM_REQUEST,
    decode_result,
    frame,
)

pytestmark = pytest.mark.unit

LOUD = 0.5


@dataclass(eq=False)
class PlayedStream:
    """Every loud second is a word, named by its loudness; a line ends with a quiet second."""

    model: PlayedModel
    audio: list[NDArray[np.float32]] = field(default_factory=list)
    decodings: int = 0
    is_stopped: bool = False

    def add(self, samples: NDArray[np.float32]) -> None:
        self.audio.append(samples)

    def lines(self, skip: int) -> list[TextLine]:
        self.decodings += 1
        heard = np.concatenate(self.audio)
        lines: list[TextLine] = []
        words: list[str] = []
        first = 0
        seconds = len(heard) // SAMPLE_RATE_HZ
        for second in range(seconds + 1):
            samples = heard[second * SAMPLE_RATE_HZ : (second + 1) * SAMPLE_RATE_HZ]
            level = round(float(np.max(samples, initial=0.0)) * 1000)
            if level and second < seconds:
                first = first if words else second
                words.append(f"w{level}")
            elif words and (second < seconds or not self.is_stopped):
                is_open = second == seconds
                lines.append(TextLine(" ".join(words), first, second, is_complete=not is_open))
                words = []
        return lines[skip:]

    def stop(self) -> None:
        self.is_stopped = True

    def close(self) -> None:
        self.model.closed.append(self)


@dataclass
class PlayedModel:
    opened: list[PlayedStream] = field(default_factory=list)
    closed: list[PlayedStream] = field(default_factory=list)
    trims: int = 0
    looks: int = 0

    def trim(self) -> None:
        self.trims += 1

    def trim_when_grown(self) -> None:
        self.looks += 1

    def open(self) -> PlayedStream:
        self.opened.append(PlayedStream(self))
        return self.opened[-1]


def spoken(*levels: int) -> bytes:
    """A second for each: 0 is silence, another number the word of that name."""
    return b"".join(
        np.full(SAMPLE_RATE_HZ, level * 32_768 // 1000 + bool(level), "<i2").tobytes()
        for level in levels
    )


def final_words(results: list[Recognition]) -> list[str]:
    return [word.text for result in results if result.is_final for word in result.words]


def feed(stream: RenewedStream, pcm: bytes) -> list[Recognition]:
    results: list[Recognition] = []
    for at in range(0, len(pcm), SAMPLE_RATE_HZ):
        results += stream.feed(pcm[at : at + SAMPLE_RATE_HZ], 0.5)
    return results


def test_a_stream_is_renewed_between_lines_and_neither_loses_nor_repeats_a_word() -> None:
    model = PlayedModel()
    stream = RenewedStream(model, renew_after_s=5.0)
    levels = [each for at in range(1, 40, 3) for each in (at * 10, at * 10 + 10, 0)]
    results = feed(stream, spoken(*levels)) + list(stream.finish())
    assert final_words(results) == [f"w{each}" for each in levels if each]
    assert stream.renewals >= 5
    assert len(model.closed) == stream.renewals
    longest = max(sum(map(len, each.audio)) for each in model.opened) / SAMPLE_RATE_HZ
    assert longest <= 5 + 1 + 3 + 1, "at most its age, a line, the silence and the priming"
    through = [result.through_s for result in results]
    assert all(one < two for one, two in pairwise(through[:-1]))
    ends = [word.end_s for result in results if result.is_final for word in result.words]
    assert ends == sorted(ends)
    assert ends[0] == pytest.approx(1.0, abs=0.1)
    assert ends[-1] == pytest.approx(len(levels) - 1, abs=0.6)


def test_memory_is_given_back_while_a_line_goes_on_and_when_a_stream_ends() -> None:
    model = PlayedModel()
    stream = RenewedStream(model)
    feed(stream, spoken(*[7] * 15))
    assert stream.renewals == 0
    assert model.looks == sum(each.decodings for each in model.opened) == 30
    assert model.trims == 0
    stream.close()
    assert model.trims == 1


def test_hours_of_silence_keep_one_second_of_audio() -> None:
    model = PlayedModel()
    stream = RenewedStream(model, renew_after_s=5.0)
    feed(stream, spoken(*[0] * 60))
    assert max(sum(map(len, each.audio)) for each in model.opened) <= 8 * SAMPLE_RATE_HZ


def test_much_audio_at_once_is_decoded_once_and_told_in_steps() -> None:
    model = PlayedModel()
    stream = RenewedStream(model)
    results = list(stream.feed(spoken(0, 500), 0.5))
    assert [result.through_s for result in results] == [0.5, 1.0, 1.5, 2.0]
    assert model.opened[0].decodings == 1
    assert [word.text for word in results[-1].words] == ["w500"]


class Client:
    """A worker's end of one stream."""

    def __init__(self, control: socket.socket) -> None:
        self.connection, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(control, [STREAM_REQUEST.pack(0.5)], [theirs.fileno()])
        self.connection.settimeout(5)

    def say(self, pcm: bytes) -> None:
        self.connection.sendall(frame(pcm))

    def frames(self) -> Iterator[bytes]:
        with self.connection.makefile("rb") as incoming:
            while header := incoming.read(LENGTH.size):
                yield incoming.read(LENGTH.unpack(header)[0])


@pytest.fixture
def served() -> Iterator[tuple[socket.socket, PlayedModel]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    model = PlayedModel()
    server = RecognitionServer(theirs, lambda: RenewedStream(model), most_steps=4)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield ours, model
    ours.close()
    thread.join(timeout=5)
    assert not thread.is_alive(), "it ends when the worker's end closes"
    theirs.close()


def test_streams_take_turns_and_each_gets_its_own_words(
    served: tuple[socket.socket, PlayedModel],
) -> None:
    control, model = served
    clients = [Client(control) for _ in range(3)]
    for number, client in enumerate(clients, 1):
        client.say(spoken(number * 100, 0, number * 100 + 50))
        client.say(b"")
    for number, client in enumerate(clients, 1):
        ready, *contents = client.frames()
        results = [decode_result(content) for content in contents]
        assert ready == READY
        assert results[-1].is_final
        assert results[-1].through_s == 3.0
        words = [word.text for result in results if result.is_final for word in result.words]
        assert words[0] == f"w{number * 100}"
    assert len(model.closed) == 3


def test_a_worker_that_leaves_in_mid_word_frees_its_stream(
    served: tuple[socket.socket, PlayedModel],
) -> None:
    control, model = served
    gone, stays = Client(control), Client(control)
    gone.say(spoken(100))
    gone.connection.close()
    stays.say(spoken(200, 0))
    stays.say(b"")
    _, *contents = stays.frames()
    assert final_words([decode_result(content) for content in contents]) == ["w200"]
    assert model.opened[0] in model.closed
