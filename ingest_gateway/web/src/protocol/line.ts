import { Backoff } from "./backoff";
import { parseServerMessage, type ClientMessage, type ServerMessage } from "./messages";

const HEARTBEAT_MS = 20_000;
/** A speaker is taken to be away after 2.5 s without a sign. */
export const SPEAKERS_SIGN_MS = 1000;
/** Nothing came in for so long behind a heartbeat: the network is gone, whatever the socket says. */
const ANSWER_MS = 10_000;
const PROBE_MS = 3000;
const OPEN_MS = 10_000;
/** A socket that is given up: the page will be back, and has not left. */
const CLOSE_LOST = 4000;
const SUBPROTOCOL = "live-translation";

export interface LineEvents {
  /** Connected, again perhaps: join now. */
  opened(): void;
  received(message: ServerMessage): void;
  /** The connection broke, or could not be made; another attempt follows by itself. */
  broken(): void;
}

export interface LineNeeds {
  open(url: string, protocols: string[]): WebSocket;
  random(): number;
}

export const IN_BROWSER: LineNeeds = {
  open: (url, protocols) => new WebSocket(url, protocols),
  random: Math.random,
};

export function socketUrl(origin: string): string {
  return `${origin.replace(/^http/, "ws")}/ws`;
}

/** A WebSocket that is opened again whenever it breaks, until `close`. `admission`: asked before
 * each time for a subprotocol that says who opens it; null: a guest. `signMs`: how long it may send
 * nothing at all before it sends a heartbeat. */
export class Line {
  private socket: WebSocket | null = null;
  private readonly backoff = new Backoff();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private over = false;
  private lastHeardAt = 0;
  private lastSentAt = 0;
  private attempt = 0;

  constructor(
    private readonly url: string,
    private readonly admission: (() => Promise<string>) | null,
    private readonly events: LineEvents,
    private readonly needs: LineNeeds = IN_BROWSER,
    private readonly signMs: number | null = null,
  ) {
    this.open();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === 1;
  }

  /** False: there is no connection, and nothing was sent. */
  send(message: ClientMessage): boolean {
    return this.put(JSON.stringify(message));
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): boolean {
    return this.put(bytes);
  }

  /** The network is back, or the page is looked at again: try at once instead of at the next turn,
   * and find out soon whether a socket survived a phone's sleep. */
  hurry(): void {
    if (this.over) return;
    if (this.socket === null) {
      this.backoff.reset();
      this.open();
    } else if (this.isOpen) {
      this.probe(PROBE_MS);
    }
  }

  close(): void {
    this.over = true;
    this.abandon();
  }

  private put(data: string | Uint8Array<ArrayBuffer>): boolean {
    if (!this.isOpen) return false;
    this.lastSentAt = Date.now();
    this.socket?.send(data);
    return true;
  }

  private open(): void {
    this.clearTimers();
    const attempt = (this.attempt += 1);
    const isCurrent = () => this.attempt === attempt;
    this.after(OPEN_MS, () => {
      if (isCurrent() && !this.isOpen) this.lost();
    });
    if (this.admission === null) {
      this.connect([SUBPROTOCOL]);
      return;
    }
    this.admission().then(
      (admitting) => {
        if (isCurrent()) this.connect([SUBPROTOCOL, admitting]);
      },
      () => {
        if (isCurrent()) this.lost();
      },
    );
  }

  private connect(protocols: string[]): void {
    const socket = this.needs.open(this.url, protocols);
    this.socket = socket;
    const isCurrent = () => this.socket === socket;
    socket.onopen = () => {
      if (!isCurrent()) return;
      this.clearTimers();
      this.beat();
      if (this.signMs !== null) this.signAfter(this.signMs);
      this.events.opened();
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (!isCurrent() || typeof event.data !== "string") return;
      this.lastHeardAt = Date.now();
      const message = parseServerMessage(event.data);
      if (message === null) return;
      // Only now is the gateway really there: a proxy may accept sockets for a gateway that is not.
      this.backoff.reset();
      this.events.received(message);
    };
    socket.onclose = () => {
      if (isCurrent()) this.lost();
    };
  }

  private beat(): void {
    this.after(HEARTBEAT_MS, () => {
      this.probe(ANSWER_MS);
      this.beat();
    });
  }

  private signAfter(waitMs: number, signMs = waitMs): void {
    this.after(waitMs, () => {
      const idleMs = Date.now() - this.lastSentAt;
      if (idleMs >= signMs) this.send({ action: "heartbeat" });
      this.signAfter(idleMs >= signMs ? signMs : signMs - idleMs, signMs);
    });
  }

  private probe(answerMs: number): void {
    const sentAt = Date.now();
    this.send({ action: "heartbeat" });
    this.after(answerMs, () => {
      if (this.lastHeardAt < sentAt) this.lost();
    });
  }

  private lost(): void {
    this.abandon(CLOSE_LOST);
    if (this.over) return;
    this.after(this.backoff.next(this.needs.random()), () => {
      this.open();
    });
    this.events.broken();
  }

  /** A dead network may take minutes to close a socket: nobody waits for it. */
  private abandon(code?: number): void {
    this.clearTimers();
    this.attempt += 1;
    const socket = this.socket;
    this.socket = null;
    socket?.close(code);
  }

  private after(waitMs: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, waitMs);
    this.timers.add(timer);
  }

  private clearTimers(): void {
    this.timers.forEach(clearTimeout);
    this.timers.clear();
  }
}
