// The two ways for a talk to go out, alike to the page.
import { asMessage } from "../protocol/frame";
import { IN_BROWSER, Line, socketUrl, SPEAKERS_SIGN_MS, type LineEvents } from "../protocol/line";
import type { ClientMessage } from "../protocol/messages";
import { RtcError, RtcLine } from "../protocol/rtc_line";
import { endSession, fetchAdmission } from "./account";
import { SpeakerProtocol } from "./speaker_protocol";
import type { Standing, TalkEvents } from "./talk_protocol";
import { WhipProtocol, type SpokenSamples } from "./whip_protocol";

/** Packets on their way when the last word is spoken. */
const LAST_PACKETS_MS = 200;

export interface TalkLink {
  speak(samples: Int16Array, timestampMs: number): void;
  pause(paused: boolean): void;
  mute(muted: boolean): void;
  setVolume(volume: number): void;
  askStatus(): void;
  /** Behind the last chunk. */
  end(): Promise<void>;
  /** The microphone was opened, or changed for another one; null: there is none. */
  useTrack(track: MediaStreamTrack | null): void;
  /** The network may be back. */
  hurry(): void;
  close(): void;
}

export interface Speaking {
  readonly sessionId: string;
  /** Asked for whenever it is needed: a talk may outlast one. */
  token(): Promise<string>;
  /** Whether the gateway's WebSockets take them. */
  readonly binaryFrames: boolean;
  readonly events: TalkEvents;
}

interface Before {
  readonly standing: Standing;
  readonly unsaved: readonly SpokenSamples[];
}

export function openSocketLink(speaking: Speaking, before?: Before): TalkLink {
  const { sessionId, binaryFrames, events } = speaking;
  const streamId = crypto.randomUUID();
  // The line tells of nothing before this function is done.
  const admission = async () => fetchAdmission(await speaking.token());
  const hears: LineEvents = {
    opened: () => {
      protocol.opened();
    },
    broken: () => {
      protocol.broken();
    },
    received: (message) => {
      protocol.received(message);
    },
  };
  const line = new Line(socketUrl(location.origin), admission, hears, IN_BROWSER, SPEAKERS_SIGN_MS);
  const wire = binaryFrames
    ? line
    : {
        send: (message: ClientMessage) => line.send(message),
        sendBytes: (frame: Uint8Array<ArrayBuffer>) =>
          line.send(asMessage(sessionId, streamId, frame)),
      };
  const joinAgain = (inMs: number) => {
    setTimeout(() => {
      protocol.opened();
    }, inMs);
  };
  const protocol: SpeakerProtocol = new SpeakerProtocol(sessionId, streamId, wire, {
    ...events,
    joinAgain,
  });
  if (before !== undefined) {
    protocol.takeOver(before.standing);
    for (const one of before.unsaved) protocol.makeUp(one.samples, one.timestampMs);
  }
  return {
    speak: (samples, timestampMs) => {
      protocol.speak(samples, timestampMs);
    },
    pause: (paused) => {
      protocol.pause(paused);
    },
    mute: (muted) => {
      protocol.mute(muted);
    },
    setVolume: (volume) => {
      protocol.setVolume(volume);
    },
    askStatus: () => {
      protocol.askStatus();
    },
    end: () => {
      protocol.end();
      return Promise.resolve();
    },
    useTrack: () => undefined,
    hurry: () => {
      line.hurry();
    },
    close: () => {
      line.close();
    },
  };
}

/** By WebRTC; by WebSocket from there on, with what was not stored, when that does not connect or
 * breaks. Throws RtcError when the gateway refuses this speaker. */
export async function openWhipLink(speaking: Speaking, track: MediaStreamTrack): Promise<TalkLink> {
  const link = new WhipLink(speaking);
  try {
    await link.open(track);
    return link;
  } catch (error) {
    if (error instanceof RtcError && error.code !== "NOT_CONNECTED") throw error;
    return openSocketLink(speaking);
  }
}

class WhipLink implements TalkLink {
  private line: RtcLine | null = null;
  private sender: RTCRtpSender | null = null;
  private readonly protocol: WhipProtocol;
  /** The way it goes on when this one has broken. */
  private other: TalkLink | null = null;
  private isClosed = false;

  constructor(private readonly speaking: Speaking) {
    const wire = { send: this.send.bind(this) };
    this.protocol = new WhipProtocol(speaking.sessionId, wire, speaking.events);
  }

  async open(track: MediaStreamTrack): Promise<void> {
    const path = `/whip/${encodeURIComponent(this.speaking.sessionId)}`;
    const token = await this.speaking.token();
    const prepare = (peer: RTCPeerConnection) => {
      this.sender = peer.addTransceiver(track, { direction: "sendonly" }).sender;
    };
    this.line = await RtcLine.open(path, token, prepare, {
      received: (message) => {
        if (this.other === null) this.protocol.received(message);
      },
      broken: () => {
        this.goOnBySocket();
      },
    });
    this.protocol.opened();
  }

  speak(samples: Int16Array, timestampMs: number): void {
    (this.other ?? this.protocol).speak(samples, timestampMs);
  }

  pause(paused: boolean): void {
    (this.other ?? this.protocol).pause(paused);
  }

  mute(muted: boolean): void {
    // What is said then never leaves this device: the browser sends silence.
    if (this.sender?.track) this.sender.track.enabled = !muted;
    (this.other ?? this.protocol).mute(muted);
  }

  setVolume(volume: number): void {
    (this.other ?? this.protocol).setVolume(volume);
  }

  askStatus(): void {
    (this.other ?? this.protocol).askStatus();
  }

  async end(): Promise<void> {
    if (this.other !== null) {
      await this.other.end();
      return;
    }
    await new Promise((done) => setTimeout(done, LAST_PACKETS_MS));
    await this.line?.hangUp();
    try {
      await endSession(this.speaking.sessionId, await this.speaking.token());
      this.protocol.ended();
    } catch {
      await this.goOnBySocket()?.end(); // none: it was over already
    }
  }

  useTrack(track: MediaStreamTrack | null): void {
    const before = this.sender?.track;
    if (track !== null && before) track.enabled = before.enabled;
    void this.sender?.replaceTrack(track).catch(() => undefined);
  }

  hurry(): void {
    this.other?.hurry();
  }

  close(): void {
    this.isClosed = true;
    void this.line?.hangUp();
    this.other?.close();
  }

  private send(message: Parameters<RtcLine["send"]>[0]): boolean {
    return this.line?.send(message) ?? false;
  }

  private goOnBySocket(): TalkLink | null {
    if (this.isClosed || this.other !== null) return this.other;
    this.protocol.broken();
    // Muted by the track until now; a WebSocket's chunks are muted one by one.
    if (this.sender?.track) this.sender.track.enabled = true;
    const { standing, unsaved } = this.protocol;
    this.other = openSocketLink(this.speaking, { standing, unsaved });
    return this.other;
  }
}
