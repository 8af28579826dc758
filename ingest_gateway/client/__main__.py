"""``python -m ingest_gateway.client speak talk.wav`` and ``... listen SESSION --language es``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from connectors.audio.recorded_audio import read_recording
from ingest_gateway.client.account import GatewayRefusedError
from ingest_gateway.client.listener import listen
from ingest_gateway.client.reports import ReceivedClip, ReceivedMessage
from ingest_gateway.client.speaker import speak

app = typer.Typer(no_args_is_help=True, add_completion=False)
Url = Annotated[str, typer.Option(help="The gateway's address.")]
_URL = "http://127.0.0.1:8080"


@app.command("speak")
def speak_command(
    wav: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What is said.")],
    session: Annotated[str | None, typer.Option(help="Speak into this session.")] = None,
    url: Url = _URL,
    token: Annotated[str | None, typer.Option(help="Without: the gateway's own issuer.")] = None,
    language: Annotated[str, typer.Option(help="What is spoken.")] = "en",
    end: Annotated[bool, typer.Option(help="End the session behind the talk.")] = True,
) -> None:
    """Speak a WAV file, or another recording, in real time."""
    try:
        recording = read_recording(wav)
        typer.echo(f"speak: {recording.note}", err=True)
        report = asyncio.run(
            speak(
                url,
                recording.pcm,
                session_id=session,
                token=token,
                source_language=language,
                end_session=end,
                on_session=lambda name: typer.echo(f"session: {name}"),
            )
        )
    except (GatewayRefusedError, OSError, ValueError) as error:
        typer.echo(f"speak: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"spoken: {report.samples / 16_000:.1f} s in {report.chunks} chunks, acknowledged"
        f" {report.acknowledged_samples / 16_000:.1f} s, {report.reconnects} reconnects"
    )


@app.command("listen")
def listen_command(
    session: str,
    language: Annotated[str, typer.Option(help="What to hear.")],
    save: Annotated[Path | None, typer.Option(help="Keep clips, captions, messages here.")] = None,
    url: Url = _URL,
    inline: Annotated[bool, typer.Option("--inline", help="Take clips inside messages.")] = False,
    key: Annotated[str | None, typer.Option(help="The secret of the talk's link.")] = None,
    code: Annotated[str | None, typer.Option(help="The talk's access code.")] = None,
    partials: Annotated[
        bool, typer.Option("--partials", help="Show what is being said, while it is said.")
    ] = False,
    linger: Annotated[
        float, typer.Option(min=0, help="Seconds of quiet to wait for behind the session's end.")
    ] = 20.0,
) -> None:
    """Listen to a session until it ends."""

    def show(clip: ReceivedClip) -> None:
        typer.echo(f"{clip.sequence_number:5d}  {clip.transcript}")

    def show_partial(message: ReceivedMessage) -> None:
        if message.type == "partialCaption":
            typer.echo(f"{message.fields['sequenceNumber']:5d}~ {message.fields['text']}")

    try:
        report = asyncio.run(
            listen(
                url,
                session,
                language,
                key=key,
                access_code=code,
                save_to=save,
                inline_audio=inline,
                partial_captions=partials,
                on_clip=show,
                on_message=show_partial,
                linger_s=linger,
            )
        )
    except (GatewayRefusedError, OSError) as error:
        typer.echo(f"listen: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"heard: {len(report.clips)} clips ({report.inline_clips} inside messages),"
        f" {len(report.skips)} skipped"
    )


if __name__ == "__main__":
    app()
