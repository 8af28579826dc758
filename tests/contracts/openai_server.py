"""A server of OpenAI's API on 127.0.0.1 (speech in and out, chat completions), with scripted words,
a tone and a scripted language model behind it."""

from __future__ import annotations

import io
import wave
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web

from connectors.audio.mp3 import decode_clip
from connectors.testing.language_model import ScriptedModel, tokens_in
from connectors.testing.speech_synthesis import ScriptedSynthesizer
from connectors.testing.words import WordReader


@dataclass(slots=True)
class OpenAiServer:
    """``key``: what callers must show. ``refusals``: (status, Retry-After or None) that answer the
    next requests, in order; ``bodies``: of the next chats, instead of an answer. ``asked``: the
    fields of every request but the sound, refused or not."""

    model: ScriptedModel = field(default_factory=ScriptedModel)
    key: str = "sk-test"
    refusals: deque[tuple[int, str | None]] = field(default_factory=deque)
    bodies: deque[bytes] = field(default_factory=deque[bytes])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers_nonsense: bool = False
    reports_usage: bool = True
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        app.router.add_post("/v1/audio/speech", self._speak)
        app.router.add_post("/v1/chat/completions", self._complete)
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
            return web.json_response({"error": {"message": "the key is wrong"}}, status=401)
        if not self.refusals:
            return None
        status, retry_after = self.refusals.popleft()
        headers = {"Retry-After": retry_after} if retry_after else {}
        return web.json_response({"error": {"message": "no"}}, status=status, headers=headers)

    async def _transcribe(self, request: web.Request) -> web.Response:
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

    async def _speak(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        if refusal := self._refusal(request):
            return refusal
        assert asked["response_format"] == "pcm"
        clip = await ScriptedSynthesizer().synthesize(asked["input"], "en")
        samples = (decode_clip(clip.body) * 32_767).astype("<i2")
        return web.Response(body=np.asarray(samples).tobytes(), content_type="audio/pcm")

    async def _complete(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        if refusal := self._refusal(request):
            return refusal
        if self.bodies:
            return web.Response(body=self.bodies.popleft(), content_type="application/json")
        system, user = asked["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        text = self.model.answer(system["content"], user["content"])
        most = asked.get("max_tokens", asked.get("max_completion_tokens", 1 << 20))
        whole = tokens_in(text) <= most
        message = {"role": "assistant", "content": text if whole else text[: 4 * most]}
        end = "stop" if whole else "length"
        answer: dict[str, Any] = {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": end}],
        }
        if self.reports_usage:
            answer["usage"] = {
                "prompt_tokens": tokens_in(system["content"]) + tokens_in(user["content"]),
                "completion_tokens": min(tokens_in(text), most),
            }
        return web.json_response(answer)
