import type { MessageId, Words } from "../shared/i18n";

const BY_NAME: Readonly<Record<string, MessageId>> = {
  InsecureContextError: "microphone.insecure",
  NotAllowedError: "microphone.refused",
  NotFoundError: "microphone.none",
  OverconstrainedError: "microphone.notThere",
  NetworkError: "problem.unreachable",
  NotReadableError: "microphone.taken",
};

/** What is wrong and what helps. */
export function microphoneProblem(error: unknown): Words {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  return { id: BY_NAME[name] ?? "microphone.failed" };
}
