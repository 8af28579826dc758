import { createContext, useContext } from "react";
import { useStore } from "zustand";
import { keyOf, sessionOfPath } from "../shared/session_link";
import type { ListenerSession } from "./listener_session";
import type { RoomVisit } from "./room_visit";
import type { ListenerState } from "./store";

/** The session of the page around a component. */
export const ListenerContext = createContext<ListenerSession | null>(null);

export function useSession(): ListenerSession {
  const session = useContext(ListenerContext);
  if (session === null) throw new Error("a listener's component stands outside ListenerContext");
  return session;
}

/** The room that the page's address names; null: it names none. */
export const VisitContext = createContext<RoomVisit | null>(null);

export function useVisit(): RoomVisit | null {
  return useContext(VisitContext);
}

export function useListener<T>(select: (state: ListenerState) => T): T {
  return useStore(useSession().store, select);
}

/** Hand on to a session what happens to its page, and enter the talk that its address names. */
export function followPage(session: ListenerSession, visit: RoomVisit | null): void {
  const hurry = () => {
    if (document.visibilityState === "visible") session.hurry();
  };
  window.addEventListener("online", hurry);
  const media = navigator.mediaDevices as MediaDevices | undefined; // secure pages only
  media?.addEventListener("devicechange", () => void session.controls.lookForOutputs());
  document.addEventListener("visibilitychange", hurry);
  for (const touch of ["click", "keydown"]) {
    document.addEventListener(touch, () => {
      session.touched();
    });
  }
  const sessionId = sessionOfPath(location.pathname);
  if (visit !== null) void visit.enter(session);
  else if (sessionId !== null) void session.enter(sessionId, keyOf(location.hash));
  else if (/^\/(listen|room)\/./.test(location.pathname)) session.cannotEnter();
}
