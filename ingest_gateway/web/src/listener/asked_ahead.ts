import type { Texts } from "../shared/texts";
import type { FoundDoor } from "./door";
import type { Found } from "./offer";

/** What the gateway was asked before the page's script was there, null where the address names
 * none; and the texts that the page begins with. */
export interface AskedAhead {
  readonly door: Promise<FoundDoor> | null;
  readonly session: Promise<Found> | null;
  readonly texts: Texts;
}

/** The first call gets what was asked ahead; every later one asks anew. */
export function afterAhead<A extends unknown[], T>(
  asked: Promise<T> | null,
  ask: (...wish: A) => Promise<T>,
): (...wish: A) => Promise<T> {
  let ahead = asked;
  return (...wish) => {
    const first = ahead;
    ahead = null;
    return first ?? ask(...wish);
  };
}
