import { Backoff } from "./backoff";
import type { LineEvents } from "./line";
import { parseServerMessage, type ClientMessage } from "./messages";

/** The gateway sends something every 10 s. */
const SILENT_MS = 25_000;

export interface EventLineNeeds {
  open(url: string): EventSource;
  random(): number;
}

const IN_BROWSER: EventLineNeeds = { open: (url) => new EventSource(url), random: Math.random };

/** A listener's connection by server-sent events, for networks that break WebSockets. What it is
 * told is the same; it can only say what it wants to be told. `missing`: this gateway has no such
 * thing. */
export class EventLine {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly backoff = new Backoff();
  private path: string | null = null;
  /** What is asked for with it, and shown for it. */
  private query = new URLSearchParams();
  private isOver = false;
  private hasWorked = false;

  constructor(
    private readonly events: LineEvents & { missing(): void },
    private readonly needs: EventLineNeeds = IN_BROWSER,
  ) {
    this.timer = setTimeout(() => {
      this.events.opened(); // the page joins, and with that it is opened
    });
  }

  send(message: ClientMessage): boolean {
    if (message.action === "joinSession") {
      const { sinceSequence, key, seat } = message;
      this.query = new URLSearchParams({
        ...(sinceSequence === undefined ? {} : { since: String(sinceSequence) }),
        ...(key === undefined ? {} : { key }),
        ...(seat === undefined ? {} : { seat }),
      });
    } else if (message.action === "changeLanguage" && this.path !== null) {
      this.query.delete("since");
    } else {
      return false;
    }
    const { sessionId, targetLanguage } = message;
    this.path = `/captions/${encodeURIComponent(sessionId)}/${encodeURIComponent(targetLanguage)}`;
    this.open();
    return true;
  }

  hurry(): void {
    if (this.source !== null || this.isOver) return;
    this.backoff.reset();
    this.events.opened();
  }

  close(): void {
    this.isOver = true;
    this.abandon();
  }

  private open(): void {
    if (this.path === null || this.isOver) return;
    this.abandon();
    const query = this.query.toString();
    const source = this.needs.open(query === "" ? this.path : `${this.path}?${query}`);
    this.source = source;
    this.watch();
    source.onmessage = (event: MessageEvent<string>) => {
      if (this.source !== source) return;
      this.hasWorked = true;
      this.backoff.reset();
      this.watch();
      const message = parseServerMessage(event.data);
      if (message === null) return;
      if (message.type === "error") this.abandon(); // it is the last one
      this.events.received(message);
    };
    source.onerror = () => {
      if (this.source !== source) return;
      const isRefused = source.readyState === 2 && !this.hasWorked;
      this.abandon();
      if (isRefused) this.events.missing();
      else this.lost();
    };
  }

  private lost(): void {
    this.abandon();
    this.timer = setTimeout(() => {
      this.events.opened();
    }, this.backoff.next(this.needs.random()));
    this.events.broken();
  }

  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.lost();
    }, SILENT_MS);
  }

  private abandon(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
