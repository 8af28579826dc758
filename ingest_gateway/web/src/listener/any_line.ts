import { EventLine } from "../protocol/event_line";
import { Line, type LineEvents } from "../protocol/line";
import type { ClientMessage } from "../protocol/messages";
import type { ListenerLine } from "./track_line";

/** A WebSocket has said something by then, or it is broken by something on the way. */
const PATIENCE_MS = 6000;

export interface AnyLineNeeds {
  openSocket(events: LineEvents): ListenerLine;
  openEvents(events: LineEvents & { missing(): void }): ListenerLine;
  /** Whether the gateway answers over HTTP. */
  isReachable(): Promise<boolean>;
}

export function inBrowser(url: string): AnyLineNeeds {
  return {
    openSocket: (events) => new Line(url, null, events),
    openEvents: (events) => new EventLine(events),
    isReachable: async () => (await fetch("/healthz").catch(() => null))?.ok === true,
  };
}

/** By WebSocket; by server-sent events where none gets through though the gateway answers. */
export class AnyLine implements ListenerLine {
  private line: ListenerLine;
  private isSettled = false;
  private isOver = false;
  private readonly patience: ReturnType<typeof setTimeout>;

  constructor(
    private readonly events: LineEvents,
    private readonly needs: AnyLineNeeds,
  ) {
    this.line = needs.openSocket({
      opened: () => {
        events.opened();
      },
      received: (message) => {
        this.isSettled = true;
        events.received(message);
      },
      broken: () => {
        events.broken();
        void this.consider();
      },
    });
    this.patience = setTimeout(() => void this.consider(), PATIENCE_MS);
  }

  send(message: ClientMessage): boolean {
    return this.line.send(message);
  }

  hurry(): void {
    this.line.hurry();
  }

  close(): void {
    this.isOver = true;
    clearTimeout(this.patience);
    this.line.close();
  }

  private async consider(): Promise<void> {
    if (this.isSettled || this.isOver) return;
    if (!(await this.needs.isReachable())) return;
    // Meanwhile something may have come after all.
    if (this.isSettled || this.isOver) return; // eslint-disable-line @typescript-eslint/no-unnecessary-condition
    this.isSettled = true;
    this.line.close();
    this.line = this.needs.openEvents({
      ...this.events,
      missing: () => {
        if (!this.isOver) this.line = this.needs.openSocket(this.events);
      },
    });
  }
}
