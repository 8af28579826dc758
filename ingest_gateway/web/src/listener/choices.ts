// What a listener has chosen, as it is kept and as the gateway is asked for it.
import type { ClientMessage } from "../protocol/messages";
import { likeliestFirst } from "../shared/language_range";
import { nativeName } from "../shared/language_table";
import type { Memory } from "../shared/remembered";
import type { ListenerState } from "./store";

/** Who only reads needs no voice. */
const CAPTIONS = ["partialCaptions", "captionsOnly"];
const SOUND = ["inlineAudio", "partialCaptions"];

export function keepLanguage(memory: Memory, sessionId: string, language: string): void {
  memory.set("language", language);
  memory.set("joined", `${sessionId} ${language}`);
}

/** The language that this session was joined in, if it is still to be had; null: none. */
export function keptLanguage(
  memory: Memory,
  sessionId: string,
  languages: readonly string[],
): string | null {
  const [joined, language] = (memory.get("joined") ?? "").split(" ");
  const isKept = joined === sessionId && language !== undefined && languages.includes(language);
  return isKept ? language : null;
}

/** On a slow network, until a person has chosen for themselves. */
export function beginsWithCaptionsOnly(memory: Memory, isSlow: () => boolean): boolean {
  return memory.get("mode") === null && isSlow();
}

/** In the order in which a listener is likely to want them. */
export function likeliest(
  languages: readonly string[],
  memory: Memory,
  preferred: readonly string[],
) {
  const last = memory.get("language");
  const ranges = last === null ? preferred : [last, ...preferred];
  return likeliestFirst(languages, ranges, nativeName);
}

/** `since`: up to this number nothing is missing, null: nothing is there; `seat`: of an earlier
 * join. Null: nothing was chosen yet. Sound comes inside the messages, where it is wanted. */
export function joinMessage(
  state: ListenerState,
  since: number | null,
  seat: string | null,
): ClientMessage | null {
  const { sessionId, language, mode, key, accessCode } = state;
  if (sessionId === null || language === null) return null;
  return {
    action: "joinSession",
    sessionId,
    targetLanguage: language,
    capabilities: mode === "captions" ? CAPTIONS : SOUND,
    ...(since === null ? {} : { sinceSequence: since }),
    ...(key === null ? {} : { key }),
    ...(accessCode === null ? {} : { accessCode }),
    ...(seat === null ? {} : { seat }),
  };
}
