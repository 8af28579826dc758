import { createContext, useContext } from "react";
import { useStore } from "zustand";
import type { OrganiserSession, OrganiserState } from "./organiser_session";

export const OrganiserContext = createContext<OrganiserSession | null>(null);

export function useSession(): OrganiserSession {
  const session = useContext(OrganiserContext);
  if (session === null) throw new Error("an organiser's component stands outside its context");
  return session;
}

export function useOrganiser<T>(select: (state: OrganiserState) => T): T {
  return useStore(useSession().store, select);
}
