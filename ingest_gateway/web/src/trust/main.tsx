import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { followInterface, Interface, InterfaceContext } from "../shared/i18n";
import type { Catalogue } from "../shared/texts";
import { BROWSER_MEMORY } from "../shared/remembered";
import "../style.css";
import { TrustPage } from "./TrustPage";

const CATALOGUES = import.meta.glob<Catalogue>(
  ["../locales/shared/*.json", "../locales/trust/*.json"],
  { import: "default" },
);

async function begin(page: HTMLElement): Promise<void> {
  const own = await Interface.begin(CATALOGUES, BROWSER_MEMORY, navigator.languages);
  followInterface(own, "trust.title");
  createRoot(page).render(
    <StrictMode>
      <InterfaceContext value={own}>
        <TrustPage />
      </InterfaceContext>
    </StrictMode>,
  );
}

const page = document.getElementById("page");
if (page !== null) void begin(page);
