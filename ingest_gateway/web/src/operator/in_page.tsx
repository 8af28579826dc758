import { createContext, useContext } from "react";
import { useStore } from "zustand";
import type { OperationsWatch } from "./operations_watch";
import { tokenOfHash } from "./operator_token";
import type { OperatorState } from "./store";

/** The watch of the page around a component. */
export const OperatorContext = createContext<OperationsWatch | null>(null);

export function useWatch(): OperationsWatch {
  const watch = useContext(OperatorContext);
  if (watch === null) throw new Error("an operator's component stands outside OperatorContext");
  return watch;
}

export function useOperator<T>(select: (state: OperatorState) => T): T {
  return useStore(useWatch().store, select);
}

/** Take the token out of the page's address and look while the page is looked at. */
export function followPage(watch: OperationsWatch): void {
  const given = tokenOfHash(location.hash);
  if (given !== null) {
    // Not left in the address, where it would be seen and copied.
    history.replaceState(null, "", location.pathname + location.search);
  }
  void watch.begin(given);
  document.addEventListener("visibilitychange", () => {
    void watch.lookAgain();
  });
}
