import { vi } from "vitest";
import type { LineEvents } from "../protocol/line";
import type { ClientMessage, ServerMessage, Utterance } from "../protocol/messages";
import type { Sound, SoundEvents } from "./sound";

/** What tests of a listener's session give it instead of a connection and a device, and the
 * messages that they play. */

export class FakeLine {
  readonly sent: ClientMessage[] = [];
  isUp = true;
  isClosed = false;
  constructor(readonly events: LineEvents) {}
  send(message: ClientMessage): boolean {
    if (this.isUp) this.sent.push(message);
    return this.isUp;
  }
  hurry(): void {
    this.sent.push({ action: "heartbeat" });
  }
  close(): void {
    this.isClosed = true;
  }
}

export class FakeSound implements Sound {
  readonly offered: number[] = [];
  volume = Number.NaN;
  playedOn = "";
  isClosed = false;
  mayChange = true;
  readonly output = {
    setVolume: (volume: number) => {
      this.volume = volume;
    },
    setOutput: (deviceId: string) => {
      if (!this.mayChange) return Promise.reject(new Error("no"));
      this.playedOn = deviceId;
      return Promise.resolve();
    },
  };
  constructor(readonly events: SoundEvents) {}
  startBehind = vi.fn();
  sent = vi.fn();
  changeLanguage = vi.fn();
  isWanted = true;
  replayed: number[] = [];
  setWanted(isWanted: boolean): void {
    this.isWanted = isWanted;
  }
  replay(utterances: readonly Utterance[]): Promise<void> {
    this.replayed.push(...utterances.map((one) => one.sequenceNumber));
    return Promise.resolve();
  }
  touched = vi.fn();
  startSound = () => Promise.resolve();
  pause = () => Promise.resolve();
  jumpToLive = vi.fn();
  play = vi.fn();
  offer(utterance: { sequenceNumber: number }): boolean {
    this.offered.push(utterance.sequenceNumber);
    return true;
  }
  close(): void {
    this.isClosed = true;
  }
}

export function joined(targetLanguage = "es", history: readonly number[] = []): ServerMessage {
  return {
    type: "sessionJoined",
    sessionId: "joyful-1",
    sourceLanguage: "en",
    targetLanguage,
    targetLanguages: ["ca", "es"],
    state: "live",
    volume: 0.5,
    history: history.map((sequenceNumber) => ({
      sequenceNumber,
      transcript: `frase ${sequenceNumber}`,
      sourceDuration: 3,
    })),
  };
}

export function clip(
  sequenceNumber: number,
  targetLanguage = "es",
  previousSequenceNumber?: number,
): ServerMessage {
  return {
    type: "translatedAudio",
    sequenceNumber,
    ...(previousSequenceNumber === undefined ? {} : { previousSequenceNumber }),
    targetLanguage,
    transcript: `frase ${sequenceNumber}`,
    sourceTranscript: `sentence ${sequenceNumber}`,
    url: `/clips/${sequenceNumber}.mp3`,
    duration: 1,
  };
}
