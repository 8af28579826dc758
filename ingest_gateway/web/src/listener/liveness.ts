import type { StoreApi } from "zustand/vanilla";
import type { SpeakerPlace } from "../protocol/messages";
import { SpeakerPresence } from "./speaker_presence";
import type { ListenerState } from "./store";

const LOOK_EVERY_MS = 1000;

/** What of a listener's page changes by time alone: whether there is speech, and for how long there
 * has been no connection. */
export class Liveness {
  private presence: SpeakerPresence;
  private lostAtMs: number | null = null;
  private looking: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly store: StoreApi<ListenerState>,
    private readonly nowMs: () => number,
  ) {
    this.presence = new SpeakerPresence(nowMs());
  }

  begin(): void {
    this.stop();
    this.presence = new SpeakerPresence(this.nowMs());
    this.looking = setInterval(() => {
      this.look();
    }, LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.looking);
    this.lostAtMs = null;
    this.store.setState({ offlineS: null, presence: "here" });
  }

  connectionLost(): void {
    this.lostAtMs ??= this.nowMs();
    this.look();
  }

  connected(): void {
    this.lostAtMs = null;
    this.look();
  }

  speech(kind: "partial" | "utterance"): void {
    this.presence.speech(kind, this.nowMs());
    this.look();
  }

  toldBy(place: SpeakerPlace | undefined): void {
    this.presence.toldBy(place, this.nowMs());
    this.look();
  }

  private look(): void {
    const nowMs = this.nowMs();
    const presence = this.presence.at(nowMs);
    const offlineS =
      this.lostAtMs === null ? null : Math.max(0, Math.round((nowMs - this.lostAtMs) / 1000));
    const before = this.store.getState();
    if (presence !== before.presence || offlineS !== before.offlineS) {
      this.store.setState({ presence, offlineS });
    }
  }
}
