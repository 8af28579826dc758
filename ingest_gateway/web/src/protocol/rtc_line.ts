// A WebRTC connection made over HTTP, as WHIP and WHEP have it: an offer with every candidate is
// posted, an answer comes back; messages go over a data channel, as a WebSocket would carry them.
import { parseServerMessage, type ClientMessage, type ServerMessage } from "./messages";

const GATHER_MS = 1000;
/** Media that has not come through by then is kept out by some firewall. */
const CONNECT_MS = 4000;
const HANG_UP_MS = 3000;

export interface RtcEvents {
  received(message: ServerMessage): void;
  /** It was connected and is not any more; the line is of no more use. */
  broken(): void;
}

/** `code`: the gateway's, or NOT_CONNECTED when media does not come through. */
export class RtcError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export class RtcLine {
  private over = false;

  private constructor(
    readonly peer: RTCPeerConnection,
    private readonly channel: RTCDataChannel,
    private readonly token: string | null,
    private readonly resource: string,
  ) {}

  /** Connected within four seconds, or RtcError. `prepare` adds what is sent or received. */
  static async open(
    url: string,
    token: string | null,
    prepare: (peer: RTCPeerConnection) => void,
    events: RtcEvents,
  ): Promise<RtcLine> {
    const peer = new RTCPeerConnection();
    const channel = peer.createDataChannel("control");
    // From the start: the gateway may speak as soon as the channel is open.
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      const message = typeof data === "string" ? parseServerMessage(data) : null;
      if (message !== null) events.received(message);
    };
    let resource: string | null = null;
    try {
      const opened = new Promise<void>((resolve) => {
        channel.onopen = () => {
          resolve();
        };
      });
      prepare(peer);
      await peer.setLocalDescription();
      await gathered(peer);
      resource = await answered(peer, url, token);
      await within(CONNECT_MS, opened);
    } catch (error) {
      peer.close();
      if (resource !== null) void release(resource, token);
      throw error;
    }
    const line = new RtcLine(peer, channel, token, resource);
    line.watch(events);
    return line;
  }

  /** False: there is no connection, and nothing was sent. */
  send(message: ClientMessage): boolean {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(message));
    return true;
  }

  /** Leave; when it resolves to true, the gateway has taken all that was sent. */
  async hangUp(): Promise<boolean> {
    this.over = true;
    const isDone = await release(this.resource, this.token);
    this.peer.close();
    return isDone;
  }

  private watch(events: RtcEvents): void {
    const lost = () => {
      if (this.over) return;
      this.over = true;
      this.peer.close();
      events.broken();
    };
    this.channel.onclose = lost;
    this.peer.onconnectionstatechange = () => {
      if (["disconnected", "failed", "closed"].includes(this.peer.connectionState)) lost();
    };
  }
}

async function gathered(peer: RTCPeerConnection): Promise<void> {
  const done = new Promise<void>((resolve) => {
    const look = () => {
      if (peer.iceGatheringState === "complete") resolve();
    };
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
  // What was found by then will do.
  await Promise.race([done, new Promise((enough) => setTimeout(enough, GATHER_MS))]);
}

/** The address of the connection as a resource. */
async function answered(
  peer: RTCPeerConnection,
  url: string,
  token: string | null,
): Promise<string> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/sdp", ...bearer(token) },
    body: peer.localDescription?.sdp ?? "",
  }).catch(() => {
    throw new RtcError("NOT_CONNECTED", "The gateway does not answer. Is the network up?");
  });
  const body = await answer.text();
  if (answer.status !== 201) throw refusal(answer.status, body);
  await peer.setRemoteDescription({ type: "answer", sdp: body });
  return new URL(answer.headers.get("location") ?? "", answer.url).href;
}

function refusal(status: number, body: string): RtcError {
  const otherwise = { code: `HTTP_${String(status)}`, message: "The gateway refused." };
  try {
    const { code, message } = JSON.parse(body) as { code?: string; message?: string };
    return new RtcError(code ?? otherwise.code, message ?? otherwise.message);
  } catch {
    return new RtcError(otherwise.code, otherwise.message);
  }
}

async function release(resource: string, token: string | null): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(HANG_UP_MS);
    const answer = await fetch(resource, {
      method: "DELETE",
      headers: bearer(token),
      keepalive: true,
      signal,
    });
    return answer.ok;
  } catch {
    return false; // it is noticed at the other end
  }
}

function bearer(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

async function within(ms: number, event: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new RtcError("NOT_CONNECTED", "WebRTC does not get through this network."));
    }, ms);
  });
  try {
    await Promise.race([event, late]);
  } finally {
    clearTimeout(timer);
  }
}
