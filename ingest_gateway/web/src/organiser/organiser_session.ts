import { createStore, type StoreApi } from "zustand/vanilla";
import type { Words } from "../shared/i18n";
import type { Memory } from "../shared/remembered";
import * as pool from "../shared/sign_in";
import {
  OrganiserApi,
  RefusedError,
  type Erased,
  type EventPlan,
  type EventView,
  type Offer,
  type RoomWish,
  type TalkWish,
} from "./organiser_api";

export interface OrganiserState {
  /** `out`: the organiser has to sign in, or to bring a token. */
  readonly account: "unknown" | "in" | "out";
  /** There is a place to sign in at. */
  readonly hasPool: boolean;
  readonly base: string;
  /** Languages that can be spoken. */
  readonly sources: readonly string[];
  readonly events: readonly EventView[];
  /** The event that is open; null: their list is shown. */
  readonly plan: EventPlan | null;
  readonly problem: Words | null;
  readonly done: Words | null;
}

export interface OrganiserNeeds {
  readonly memory: Memory;
  readonly origin: string;
  fetchOffer(): Promise<Offer>;
  fetchToken(subject: string): Promise<string>;
  readonly pool: Pick<typeof pool, "beginSignIn" | "finishSignIn" | "signedInToken">;
  createApi(token: () => Promise<string>): OrganiserApi;
}

/** Events as one organiser makes them. What the page shows is in `store`. */
export class OrganiserSession {
  readonly store: StoreApi<OrganiserState>;
  private readonly api: OrganiserApi;
  private signInAt: pool.SignIn | null = null;
  private token: string | null = null;

  constructor(private readonly needs: OrganiserNeeds) {
    this.store = createStore<OrganiserState>(() => ({
      account: "unknown",
      hasPool: false,
      base: needs.origin,
      sources: [],
      events: [],
      plan: null,
      problem: null,
      done: null,
    }));
    this.api = needs.createApi(() => this.currentToken());
  }

  async prepare(): Promise<void> {
    await this.attempt(async () => {
      const offer = await this.needs.fetchOffer();
      this.signInAt = offer.signIn;
      this.set({
        hasPool: offer.signIn !== null,
        base: offer.publicUrl ?? this.needs.origin,
        sources: Object.keys(offer.languages),
      });
      if (this.signInAt !== null) await this.needs.pool.finishSignIn(this.signInAt);
      else this.token = await this.needs.fetchToken(this.ownName());
      await this.list();
    });
  }

  /** `token`: typed by a person, where the gateway gives none. */
  async enter(token: string): Promise<void> {
    if (this.signInAt !== null) {
      await this.needs.pool.beginSignIn(this.signInAt);
      return;
    }
    this.token = token;
    await this.attempt(() => this.list());
  }

  createEvent(title: string): Promise<void> {
    return this.attempt(async () => {
      const { eventId } = await this.api.createEvent(title);
      await this.list();
      await this.show(eventId);
    });
  }

  open(eventId: string): Promise<void> {
    return this.attempt(() => this.show(eventId));
  }

  close(): void {
    this.set({ plan: null, done: null });
  }

  createRoom(wish: RoomWish): Promise<void> {
    return this.inPlan((eventId) => this.api.createRoom(eventId, wish));
  }

  lock(roomId: string, locked: boolean): Promise<void> {
    return this.inPlan(() => this.api.lockRoom(roomId, locked));
  }

  createTalk(roomId: string, wish: TalkWish): Promise<void> {
    return this.inPlan(() => this.api.createTalk(roomId, wish));
  }

  endTalk(talkId: string): Promise<void> {
    return this.inPlan(() => this.api.endTalk(talkId));
  }

  /** `path`: of the open event, or of a room or a talk in it. */
  erase(path: string): Promise<void> {
    return this.attempt(async () => {
      const erased = await this.api.erase(path);
      await this.list();
      const { plan } = this.store.getState();
      if (plan !== null && path !== `/events/${plan.eventId}`) await this.show(plan.eventId);
      else this.set({ plan: null });
      this.set({ done: erasedInWords(erased) });
    });
  }

  /** Look again at what is open: talks begin and end by themselves. */
  async refresh(): Promise<void> {
    const { plan } = this.store.getState();
    if (plan === null) return;
    const now = await this.api.plan(plan.eventId).catch(() => null);
    if (now !== null && this.store.getState().plan?.eventId === now.eventId) {
      this.set({ plan: now });
    }
  }

  private inPlan(doing: (eventId: string) => Promise<unknown>): Promise<void> {
    return this.attempt(async () => {
      const eventId = this.store.getState().plan?.eventId;
      if (eventId === undefined) return;
      await doing(eventId);
      await this.show(eventId);
    });
  }

  private async list(): Promise<void> {
    this.set({ events: await this.api.events(), account: "in" });
  }

  private async show(eventId: string): Promise<void> {
    this.set({ plan: await this.api.plan(eventId) });
  }

  private async attempt(doing: () => Promise<void>): Promise<void> {
    this.set({ problem: null, done: null });
    try {
      await doing();
    } catch (error) {
      const isOut = error instanceof RefusedError && OUT.has(error.code);
      if (isOut && this.store.getState().account !== "in") this.set({ account: "out" });
      else this.set({ problem: inWords(error), ...(isOut ? { account: "out" } : {}) });
    }
  }

  private async currentToken(): Promise<string> {
    const pooled = this.signInAt && (await this.needs.pool.signedInToken(this.signInAt));
    const token = this.signInAt === null ? this.token : pooled;
    if (token === null) throw new RefusedError("UNAUTHORIZED", "Sign in first.");
    return token;
  }

  /** The same organiser after the page was loaded anew. */
  private ownName(): string {
    const name = this.needs.memory.get("organiser") ?? `organiser-${crypto.randomUUID()}`;
    this.needs.memory.set("organiser", name);
    return name;
  }

  private set(changes: Partial<OrganiserState>): void {
    this.store.setState(changes);
  }
}

const OUT = new Set(["FORBIDDEN", "UNAUTHORIZED", "HTTP_404"]);

function erasedInWords({ objects, rows }: Erased): Words {
  return { id: "organise.erased", values: { objects, rows } };
}

function inWords(error: unknown): Words {
  if (error instanceof RefusedError && error.code === "UNREACHABLE") {
    return { id: "organise.unreachable" };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { id: "organise.refused", values: { reason } };
}
