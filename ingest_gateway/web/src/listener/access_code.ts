import type { ListenerSession } from "./listener_session";

/** Join the talk that asked for it, in the language that was chosen before. */
export function giveCode(session: ListenerSession, code: string): void {
  const { sessionId, language } = session.store.getState();
  session.store.setState({ needsCode: false, accessCode: code });
  if (sessionId !== null && language !== null) session.listen(sessionId, language);
}
