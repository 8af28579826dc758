import { sessionOfPath } from "../shared/session_link";
import { firstLanguage, listen } from "./listening";
import { findSession } from "./offer";
import { listenerStore } from "./store";

const AGAIN_MS = 2000;
let wanted: string | null = null;

/** Into a talk, in the language that the listener most likely wants. */
export async function enter(sessionId: string): Promise<void> {
  wanted = sessionId;
  listenerStore.setState({ problem: null });
  const found = await findSession(sessionId);
  if (wanted !== sessionId) return; // somebody chose another one meanwhile
  switch (found.kind) {
    case "none":
      say(`There is no talk called “${sessionId}”. Look at its name again.`);
      break;
    case "unreachable":
      say("The service cannot be reached. Trying again …");
      setTimeout(() => {
        if (wanted === sessionId) void enter(sessionId);
      }, AGAIN_MS);
      break;
    case "found":
      come(sessionId, found.languages, found.ended);
      break;
  }
}

/** The talk that the page's address names. */
export function enterByAddress(): void {
  const sessionId = sessionOfPath(location.pathname);
  if (sessionId !== null) void enter(sessionId);
  else if (location.pathname.startsWith("/listen/")) say("This link names no talk.");
}

function come(sessionId: string, languages: readonly string[], ended: boolean): void {
  const language = firstLanguage(languages);
  if (language === null) {
    say("This talk cannot be heard in any language here.");
    return;
  }
  history.replaceState(null, "", `/listen/${encodeURIComponent(sessionId)}`);
  listenerStore.setState({ languages });
  if (ended) listenerStore.setState({ phase: "over", state: "ended", sessionId, language });
  else listen(sessionId, language);
}

function say(problem: string): void {
  listenerStore.setState({ problem });
}
