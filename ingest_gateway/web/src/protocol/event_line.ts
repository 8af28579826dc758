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

/** What is followed: a room, and the talk that goes on in it. */
type Subject = "room" | "talk";

interface Followed {
  readonly source: EventSource;
  silence: ReturnType<typeof setTimeout> | undefined;
}

/** A listener's connection by server-sent events, for networks that break WebSockets. What it is
 * told is the same; it can only say what it wants to be told. A room and a talk come by a source
 * each; when one of them breaks, both are opened anew. `missing`: this gateway has no such thing. */
export class EventLine {
  private readonly followed = new Map<Subject, Followed>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly backoff = new Backoff();
  /** What the talk is asked for with, and shown for it; null: none was asked for. */
  private shown: URLSearchParams | null = null;
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
    switch (message.action) {
      case "joinRoom": {
        const { roomId, key, accessCode } = message;
        const shown = queryOf({ key, code: accessCode });
        this.open("room", `/rooms/${encodeURIComponent(roomId)}/events`, shown);
        return true;
      }
      case "joinSession": {
        const { sinceSequence, key, accessCode, seat } = message;
        this.shown = queryOf({ since: sinceSequence?.toString(), key, code: accessCode, seat });
        this.follow(message);
        return true;
      }
      case "changeLanguage":
        if (this.shown === null) return false;
        this.shown.delete("since");
        this.follow(message);
        return true;
      case "leaveSession":
        this.abandon("talk");
        return true;
      default:
        return false;
    }
  }

  hurry(): void {
    if (this.followed.size > 0 || this.isOver) return;
    this.backoff.reset();
    this.events.opened();
  }

  close(): void {
    this.isOver = true;
    this.abandonAll();
  }

  private follow(talk: { readonly sessionId: string; readonly targetLanguage: string }): void {
    const place = [talk.sessionId, talk.targetLanguage].map(encodeURIComponent).join("/");
    this.open("talk", `/captions/${place}`, this.shown ?? new URLSearchParams());
  }

  private open(subject: Subject, path: string, shown: URLSearchParams): void {
    if (this.isOver) return;
    clearTimeout(this.timer);
    this.abandon(subject);
    const query = shown.toString();
    const source = this.needs.open(query === "" ? path : `${path}?${query}`);
    const followed: Followed = { source, silence: undefined };
    this.followed.set(subject, followed);
    this.watch(followed);
    const isCurrent = () => this.followed.get(subject) === followed;
    source.onmessage = (event: MessageEvent<string>) => {
      if (!isCurrent()) return;
      this.hasWorked = true;
      this.backoff.reset();
      this.watch(followed);
      const message = parseServerMessage(event.data);
      if (message === null) return;
      if (message.type === "error") this.abandon(subject); // it is the last one
      this.events.received(message);
    };
    source.onerror = () => {
      if (!isCurrent()) return;
      const isRefused = source.readyState === 2 && !this.hasWorked;
      if (isRefused) {
        this.abandonAll();
        this.events.missing();
      } else this.lost();
    };
  }

  private lost(): void {
    this.abandonAll();
    this.timer = setTimeout(() => {
      this.events.opened();
    }, this.backoff.next(this.needs.random()));
    this.events.broken();
  }

  private watch(followed: Followed): void {
    clearTimeout(followed.silence);
    followed.silence = setTimeout(() => {
      this.lost();
    }, SILENT_MS);
  }

  private abandonAll(): void {
    clearTimeout(this.timer);
    for (const subject of [...this.followed.keys()]) this.abandon(subject);
  }

  private abandon(subject: Subject): void {
    const followed = this.followed.get(subject);
    if (followed === undefined) return;
    clearTimeout(followed.silence);
    followed.source.close();
    this.followed.delete(subject);
  }
}

function queryOf(shown: Readonly<Record<string, string | undefined>>): URLSearchParams {
  const given = Object.entries(shown).filter(
    (one): one is [string, string] => one[1] !== undefined,
  );
  return new URLSearchParams(given);
}
