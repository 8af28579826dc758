import { Backoff } from "../protocol/backoff";
import type { LineEvents } from "../protocol/line";
import type { ClientMessage } from "../protocol/messages";
import { RtcError, RtcLine } from "../protocol/rtc_line";

/** A listener's connection, as a WebSocket's `Line` and as a track's. */
export interface ListenerLine {
  send(message: ClientMessage): boolean;
  hurry(): void;
  close(): void;
}

export interface TrackEvents extends LineEvents {
  track(receiver: RTCRtpReceiver): void;
  /** This network lets no WebRTC through. */
  keptOut(): void;
}

export interface TrackWish {
  readonly sessionId: string;
  /** The link's secret; null: the session's id is all that there is. */
  readonly key: string | null;
  /** That was typed for the talk; null: none. */
  readonly accessCode: string | null;
  /** Of an earlier join; null: there was none. */
  readonly seat: string | null;
}

interface Opened {
  send(message: ClientMessage): boolean;
  hangUp(): Promise<boolean>;
}

export interface TrackNeeds {
  open: (url: string, token: string | null, on: TrackEvents) => Promise<Opened>;
  random(): number;
}

const IN_BROWSER: TrackNeeds = {
  open: (url, token, on) =>
    RtcLine.open(
      url,
      token,
      (peer) => {
        peer.addTransceiver("audio", { direction: "recvonly" });
        peer.ontrack = ({ receiver }) => {
          on.track(receiver);
        };
      },
      on,
    ),
  random: Math.random,
};

/** Sound and captions by WHEP: opened again whenever it breaks, until `close`, and for another
 * language. Joining is part of connecting, so there is nothing to send for it. */
export class TrackLine implements ListenerLine {
  private line: Opened | null = null;
  private readonly backoff = new Backoff();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Of connections, so that what an earlier one does late changes nothing. */
  private generation = 0;
  private wasOpen = false;

  constructor(
    private readonly which: TrackWish,
    private language: string,
    private readonly events: TrackEvents,
    private readonly needs: TrackNeeds = IN_BROWSER,
  ) {
    void this.open();
  }

  send(message: ClientMessage): boolean {
    if (message.action === "changeLanguage") {
      this.language = message.targetLanguage;
      this.hangUp();
      void this.open();
      return true;
    }
    // Asked for again after a refusal: there is no connection yet.
    if (message.action === "joinSession" && this.line === null) void this.open();
    return message.action === "joinSession" || (this.line?.send(message) ?? false);
  }

  hurry(): void {
    if (this.timer === undefined) return;
    this.backoff.reset();
    void this.open();
  }

  close(): void {
    this.hangUp();
  }

  private async open(): Promise<void> {
    this.wait(null);
    const mine = ++this.generation;
    const isCurrent = () => this.generation === mine;
    const language = encodeURIComponent(this.language);
    try {
      const line = await this.needs.open(
        `/whep/${encodeURIComponent(this.which.sessionId)}/${language}${this.shown()}`,
        this.which.key === null ? null : `key.${this.which.key}`,
        {
          ...this.events,
          received: (message) => {
            if (isCurrent()) this.events.received(message);
          },
          track: (receiver) => {
            if (isCurrent()) this.events.track(receiver);
          },
          broken: () => {
            if (isCurrent()) this.lost();
          },
        },
      );
      if (!isCurrent()) {
        void line.hangUp();
        return;
      }
      this.line = line;
      this.wasOpen = true;
      this.backoff.reset();
      this.events.opened();
    } catch (error) {
      if (isCurrent()) this.failed(error);
    }
  }

  /** The key goes as a token. */
  private shown(): string {
    const { accessCode, seat } = this.which;
    const shown = new URLSearchParams({
      ...(accessCode === null ? {} : { code: accessCode }),
      ...(seat === null ? {} : { seat }),
    });
    return shown.size === 0 ? "" : `?${shown.toString()}`;
  }

  private failed(error: unknown): void {
    const isRefusal = error instanceof RtcError && error.code !== "NOT_CONNECTED";
    if (isRefusal) {
      const { code, message } = error;
      this.events.received({ type: "error", code, message, action: "joinSession" });
    } else if (this.wasOpen) {
      this.lost();
    } else {
      this.events.keptOut();
    }
  }

  private lost(): void {
    this.line = null;
    this.wait(this.backoff.next(this.needs.random()));
    this.events.broken();
  }

  private hangUp(): void {
    this.generation++;
    this.wait(null);
    void this.line?.hangUp();
    this.line = null;
  }

  private wait(ms: number | null): void {
    clearTimeout(this.timer);
    this.timer =
      ms === null
        ? undefined
        : setTimeout(() => {
            void this.open();
          }, ms);
  }
}
