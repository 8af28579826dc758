const IN_WORDS: Readonly<Record<string, string>> = {
  InsecureContextError:
    "Browsers give the microphone to secure pages only. Open this page over https, or on the " +
    "machine itself as http://localhost.",
  NotAllowedError:
    "This page may not use the microphone. Allow it in the browser's address bar, then try again.",
  NotFoundError: "There is no microphone. Plug one in, then try again.",
  OverconstrainedError: "The chosen microphone is not there. Choose another one.",
  NetworkError: "The gateway does not answer. Is the network up?",
  NotReadableError: "Another program holds the microphone. Close that one, then try again.",
};

/** What is wrong and what helps, in words. */
export function microphoneProblem(error: unknown): string {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  return IN_WORDS[name] ?? "The microphone could not be opened. Choose another one, or try again.";
}
