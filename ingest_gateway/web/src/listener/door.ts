// What a room's link leads to, asked before anybody listens.
import type { TalkState } from "../protocol/messages";
import { clockAheadMs } from "../shared/server_clock";
import type { SecretPlace } from "../shared/session_link";
import { withSpoken } from "./offer";

interface Door {
  readonly roomId: string;
  readonly eventTitle: string;
  readonly name: string;
  readonly languages: readonly string[];
  readonly retentionDays: number;
  readonly state: TalkState;
}

export type FoundDoor =
  | {
      readonly kind: "found";
      readonly door: Door;
      /** In which the room's talks can be heard. */
      readonly languages: readonly string[];
      /** The gateway's clock, against this device's. */
      readonly clockAheadMs: number;
    }
  /** `wasWrong`: a code was given. */
  | { readonly kind: "code"; readonly wasWrong: boolean }
  | { readonly kind: "none" }
  | { readonly kind: "unreachable" };

/** Ask for the room, with its access code where one was typed. */
export async function fetchDoor(place: SecretPlace, code: string | null): Promise<FoundDoor> {
  const headers: Record<string, string> = { "x-room-key": place.key };
  if (code !== null) headers["x-access-code"] = code;
  try {
    const [answer, offer] = await Promise.all([
      fetch(`/rooms/${encodeURIComponent(place.id)}/door`, { headers }),
      fetch("/offer"),
    ]);
    if (answer.status === 404) return { kind: "none" };
    if (answer.status === 403) return { kind: "code", wasWrong: code !== null };
    if (!answer.ok || !offer.ok) return { kind: "unreachable" };
    const door = (await answer.json()) as Door;
    const all = (await offer.json()) as { languages: Record<string, readonly string[]> };
    return {
      kind: "found",
      door,
      languages: languagesOf(door, all.languages),
      clockAheadMs: clockAheadMs(answer),
    };
  } catch {
    return { kind: "unreachable" };
  }
}

/** A room that names no languages is offered in all that its next talk can be heard in; before
 * there is one, in all that there are. What is said can be read in any case. */
function languagesOf(
  door: Door,
  offered: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const source = (door.state.talk ?? door.state.next)?.language;
  const own = source === undefined ? undefined : offered[source];
  if (door.languages.length > 0) return withSpoken(door.languages, source, own ?? []);
  return own ?? [...new Set(Object.values(offered).flat())].sort();
}
