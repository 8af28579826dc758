import { openMicrophone } from "../audio/microphone";
import { listDevices } from "../shared/devices";
import { BROWSER_MEMORY, type Memory } from "../shared/remembered";
import { talkOfAddress, type SecretPlace } from "../shared/session_link";
import * as pool from "../shared/sign_in";
import * as account from "./account";
import type { EraserAccount } from "./ended_talk";
import { keepOpenTalk, openTalk, type OpenTalk } from "./open_talk";
import type { OwnerAccount } from "./owner_controls";
import { openSocketLink, openWhipLink } from "./talk_link";

/** What a session needs of the browser and of the gateway. */
export interface SpeakerNeeds {
  readonly memory: Memory;
  readonly origin: string;
  readonly openMicrophone: typeof openMicrophone;
  readonly listDevices: typeof listDevices;
  readonly openSocketLink: typeof openSocketLink;
  readonly openWhipLink: typeof openWhipLink;
  readonly account: OwnerAccount &
    EraserAccount &
    Pick<
      typeof account,
      "fetchOffer" | "fetchToken" | "createSession" | "isGoingOn" | "fetchTalk" | "takeStage"
    >;
  /** The talk whose link the page was opened by; null: by none. */
  readonly place: SecretPlace | null;
  readonly pool: Pick<typeof pool, "beginSignIn" | "finishSignIn" | "signedInToken" | "signOut">;
  readonly openTalk: { keep(talk: OpenTalk | null): void; kept(): OpenTalk | null };
  /** Null: this browser lets screens sleep as they like, or refuses. */
  lockScreen(): Promise<WakeLockSentinel | null>;
}

export function browserNeeds(): SpeakerNeeds {
  return {
    memory: BROWSER_MEMORY,
    origin: location.origin,
    openMicrophone,
    listDevices,
    openSocketLink,
    openWhipLink,
    account,
    place: talkOfAddress(location.pathname, location.hash),
    pool,
    openTalk: { keep: keepOpenTalk, kept: openTalk },
    lockScreen: async () => {
      const locks = navigator.wakeLock as WakeLock | undefined;
      return (await locks?.request("screen").catch(() => null)) ?? null;
    },
  };
}
