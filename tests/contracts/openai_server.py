"""A server of OpenAI's speech API on 127.0.0.1, with scripted words and a tone behind it."""

from __future__ import annotations

import io
import wave
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from aiohttp import web

from connectors.audio.mp3 import decode_clip
from connectors.testing.speech_synthesis import ScriptedSynthesizer
from connectors.testing.words import WordReader


@dataclass(slots=True)
class OpenAiServer:
    """``key``: what callers must show. ``refusals``: (status, Retry-After or None) that answer the
    next requests, in order. ``asked``: the fields of every request but the sound."""

    key: str = "sk-test"
    refusals: deque[tuple[int, str | None]] = field(default_factory=deque)
    asked: list[dict[str, str]] = field(default_factory=list)
    answers_nonsense: bool = False
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/audio/transcriptions", self._transcriptions)
        app.router.add_post("/v1/audio/speech", self._speech)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.Response(status=401, text="the key is wrong")
        if not self.refusals:
            return None
        status, retry_after = self.refusals.popleft()
        return web.Response(
            status=status, headers={"Retry-After": retry_after} if retry_after else {}
        )

    async def _transcriptions(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked.append({name: str(form[name]) for name in form if name != "file"})
        if refusal := self._refusal(request):
            return refusal
        if self.answers_nonsense:
            return web.json_response(["nothing"])
        sound = form["file"]
        assert isinstance(sound, web.FileField)
        with wave.open(io.BytesIO(sound.file.read())) as recording:
            assert recording.getparams()[:3] == (1, 2, 16_000)
            words = WordReader().read(recording.readframes(recording.getnframes()))
        text = " ".join(word.text for word in words)
        segments = [{"text": text, "avg_logprob": -0.1, "no_speech_prob": 0.05}] if text else []
        return web.json_response({"text": f" {text}", "segments": segments})

    async def _speech(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        if refusal := self._refusal(request):
            return refusal
        assert asked["response_format"] == "pcm"
        clip = await ScriptedSynthesizer().synthesize(asked["input"], "en")
        samples = (decode_clip(clip.body) * 32_767).astype("<i2")
        return web.Response(body=np.asarray(samples).tobytes(), content_type="audio/pcm")
