import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Line } from "./line";
import type { ServerMessage } from "./messages";

class FakeSocket {
  readyState = 0;
  sent: unknown[] = [];
  closed = false;
  code: number | undefined;
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: () => void = () => undefined;
  constructor(readonly protocols: string[]) {}
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(code?: number): void {
    this.code = code;
    this.closed = true;
    this.readyState = 3;
  }
  accept(): void {
    this.readyState = 1;
    this.onopen();
  }
  say(message: ServerMessage): void {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

let sockets: FakeSocket[];
let told: string[];

function line(
  admission: (() => Promise<string>) | null = null,
  signMs: number | null = null,
): Line {
  return new Line(
    "ws://here/ws",
    admission,
    {
      opened: () => told.push("opened"),
      broken: () => told.push("broken"),
      received: (message) => told.push(message.type),
    },
    {
      random: () => 0.5,
      open: (_url, protocols) => {
        const socket = new FakeSocket(protocols);
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
    },
    signMs,
  );
}

function newest(): FakeSocket {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error("no socket was opened");
  return socket;
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  told = [];
});
afterEach(() => {
  vi.useRealTimers();
});

it("comes as a guest, or with a new ticket each time", async () => {
  line();
  expect(newest().protocols).toEqual(["live-translation"]);
  let tickets = 0;
  line(() => Promise.resolve(`ticket.${String(++tickets)}`));
  expect(sockets.length).toBe(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(newest().protocols).toEqual(["live-translation", "ticket.1"]);
  newest().onclose();
  await vi.advanceTimersByTimeAsync(225);
  expect(newest().protocols).toEqual(["live-translation", "ticket.2"]);
});

it("tries again when it gets no ticket, also when nobody answers", async () => {
  const answers = [
    () => Promise.reject(new Error("unreachable")),
    () => new Promise<string>(() => undefined),
  ];
  const open = line(() => (answers.shift() ?? (() => Promise.resolve("ticket.3")))());
  await vi.advanceTimersByTimeAsync(225);
  expect(answers.length).toBe(0);
  await vi.advanceTimersByTimeAsync(10_000 + 450);
  expect(sockets.map((one) => one.protocols[1])).toEqual(["ticket.3"]);
  expect(told).toEqual(["broken", "broken"]);
  open.close();
});

it("opens nothing when its ticket comes after it was closed", async () => {
  let give: (ticket: string) => void = () => undefined;
  const open = line(
    () =>
      new Promise((done) => {
        give = done;
      }),
  );
  open.close();
  give("ticket.late");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sockets.length).toBe(0);
});

it("opens again, each time after a longer wait, until the gateway speaks", () => {
  line();
  newest().accept();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    newest().onclose();
    const before = sockets.length;
    const from = Date.now();
    while (sockets.length === before) vi.advanceTimersByTime(1);
    waits.push(Date.now() - from);
  }
  expect(waits).toEqual([225, 450, 900, 1800]);
  newest().accept();
  newest().say({ type: "heartbeatAck" });
  newest().onclose();
  vi.advanceTimersByTime(225);
  expect(sockets.length).toBe(6);
  expect(told.slice(0, 2)).toEqual(["opened", "broken"]);
});

it("gives a network up that answers no heartbeat", () => {
  line();
  const dead = newest();
  dead.accept();
  vi.advanceTimersByTime(20_000);
  expect(dead.sent).toEqual(['{"action":"heartbeat"}']);
  vi.advanceTimersByTime(9_999);
  expect(dead.closed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(dead.closed).toBe(true);
  expect(dead.code).toBe(4000); // it comes back: it has not left
  vi.advanceTimersByTime(300);
  expect(sockets.length).toBe(2);
});

it("stays on a network that does", () => {
  line();
  newest().accept();
  for (let beat = 1; beat <= 5; beat++) {
    vi.advanceTimersByTime(20_000);
    newest().say({ type: "heartbeatAck" });
  }
  expect(sockets.length).toBe(1);
});

it("gives up a connection that never opens", () => {
  line();
  vi.advanceTimersByTime(10_225);
  expect(sockets.length).toBe(2);
});

it("hurries when the network is back, and not when it never went", () => {
  const open = line();
  newest().accept();
  open.hurry();
  newest().say({ type: "heartbeatAck" });
  vi.advanceTimersByTime(3000);
  expect(sockets.length).toBe(1);
  newest().onclose();
  open.hurry();
  expect(sockets.length).toBe(2);
  vi.advanceTimersByTime(1000);
  expect(sockets.length).toBe(2);
});

it("finds out soon that a socket did not survive a phone's sleep", () => {
  const open = line();
  newest().accept();
  newest().say({ type: "heartbeatAck" });
  vi.advanceTimersByTime(1);
  open.hurry();
  vi.advanceTimersByTime(3225);
  expect(sockets.length).toBe(2);
});

it("passes over what is no message and ends for good", () => {
  const open = line();
  newest().accept();
  newest().onmessage({ data: "no json" });
  open.close();
  newest().onclose();
  vi.advanceTimersByTime(60_000);
  expect([sockets.length, told]).toEqual([1, ["opened"]]);
});

it("gives a sign every second while its page sends nothing, where that is asked for", async () => {
  const open = line(null, 1000);
  newest().accept();
  await vi.advanceTimersByTimeAsync(900);
  open.send({ action: "leaveSession", sessionId: "s" });
  await vi.advanceTimersByTimeAsync(900);
  expect(newest().sent.length).toBe(1);
  await vi.advanceTimersByTimeAsync(3200);
  const heartbeat = JSON.stringify({ action: "heartbeat" });
  expect(newest().sent.slice(1)).toEqual(Array(4).fill(heartbeat));
  open.close();
});
