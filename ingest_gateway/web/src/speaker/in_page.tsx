import { createContext, useContext } from "react";
import { useStore } from "zustand";
import type { SpeakerSession } from "./speaker_session";
import type { SpeakerState } from "./store";

/** The session of the page around a component. */
export const SpeakerContext = createContext<SpeakerSession | null>(null);

export function useSession(): SpeakerSession {
  const session = useContext(SpeakerContext);
  if (session === null) throw new Error("a speaker's component stands outside SpeakerContext");
  return session;
}

export function useSpeaker<T>(select: (state: SpeakerState) => T): T {
  return useStore(useSession().store, select);
}

/** Hand on to a session what happens to its page. */
export function followPage(session: SpeakerSession): void {
  const media = navigator.mediaDevices as MediaDevices | undefined;
  media?.addEventListener("devicechange", () => void session.refreshMicrophones());
  window.addEventListener("online", () => {
    session.hurry();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") session.lookedAt();
  });
  for (const touch of ["click", "keydown"]) {
    document.addEventListener(touch, () => {
      session.touched();
    });
  }
  window.addEventListener("beforeunload", (event) => {
    if (session.isSpeaking) event.preventDefault();
  });
}
