// What an organiser asks of the gateway.
import {
  asked,
  askedByClock,
  fetchOffer,
  fetchToken,
  RefusedError,
  type Offer,
} from "../speaker/account";

export interface EventView {
  readonly eventId: string;
  readonly title: string;
  readonly createdAt: number;
}

export interface TalkView {
  readonly talkId: string;
  readonly title: string;
  readonly speaker: string;
  readonly language: string;
  readonly plannedAt: number | null;
  readonly endedAt: number | null;
  /** Path and secret for its speaker. */
  readonly link: string;
}

export interface RoomView {
  readonly roomId: string;
  readonly name: string;
  readonly languages: readonly string[];
  readonly accessCode: string | null;
  readonly mostListeners: number | null;
  readonly retentionDays: number;
  readonly locked: boolean;
  /** Path and secret for its listeners. */
  readonly link: string;
  readonly onStage: string | null;
  readonly talks: readonly TalkView[];
}

export interface EventPlan {
  readonly eventId: string;
  readonly title: string;
  readonly rooms: readonly RoomView[];
  /** The gateway's clock, which planned times are of, against this device's. */
  readonly clockAheadMs: number;
}

export interface RoomWish {
  readonly name: string;
  readonly languages: readonly string[];
  readonly accessCode: string | null;
  readonly mostListeners: number | null;
  readonly retentionDays: number;
}

export interface TalkWish {
  readonly title: string;
  readonly speaker: string;
  readonly language: string;
  readonly plannedAt: number | null;
}

export interface Erased {
  readonly objects: number;
  readonly rows: number;
}

export { fetchOffer, fetchToken, RefusedError, type Offer };

/** Calls with an organiser's token. Each throws RefusedError. */
export class OrganiserApi {
  constructor(private readonly token: () => Promise<string>) {}

  events(): Promise<readonly EventView[]> {
    return this.call("GET", "/events");
  }

  async plan(eventId: string): Promise<EventPlan> {
    const path = `/events/${encodeURIComponent(eventId)}`;
    return askedByClock<Omit<EventPlan, "clockAheadMs">>(path, await this.wish("GET"));
  }

  createEvent(title: string): Promise<EventView> {
    return this.call("POST", "/events", { title });
  }

  createRoom(eventId: string, wish: RoomWish): Promise<RoomView> {
    return this.call("POST", "/rooms", { eventId, ...wish });
  }

  lockRoom(roomId: string, locked: boolean): Promise<RoomView> {
    return this.call("PATCH", `/rooms/${encodeURIComponent(roomId)}`, { locked });
  }

  createTalk(roomId: string, wish: TalkWish): Promise<TalkView> {
    return this.call("POST", "/talks", { roomId, ...wish });
  }

  /** End a talk that is on the stage. */
  endTalk(talkId: string): Promise<unknown> {
    return this.call("DELETE", `/talks/${encodeURIComponent(talkId)}/stage`);
  }

  /** `path`: of an event, a room or a talk, with all that was said in it. */
  erase(path: string): Promise<Erased> {
    return this.call("DELETE", path);
  }

  private async call<T>(method: string, path: string, body?: object): Promise<T> {
    return asked<T>(path, await this.wish(method, body));
  }

  private async wish(method: string, body?: object): Promise<RequestInit> {
    const headers = {
      authorization: `Bearer ${await this.token()}`,
      "content-type": "application/json",
    };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return { method, headers, ...sent };
  }
}
