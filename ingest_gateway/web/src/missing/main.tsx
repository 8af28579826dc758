import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { followInterface, Interface, InterfaceContext } from "../shared/i18n";
import type { Catalogue } from "../shared/texts";
import { BROWSER_MEMORY } from "../shared/remembered";
import "../style.css";
import { MissingPage } from "./MissingPage";

const CATALOGUES = import.meta.glob<Catalogue>("../locales/shared/*.json", { import: "default" });

async function begin(page: HTMLElement): Promise<void> {
  const own = await Interface.begin(CATALOGUES, BROWSER_MEMORY, navigator.languages);
  followInterface(own, "missing.title");
  createRoot(page).render(
    <StrictMode>
      <InterfaceContext value={own}>
        <MissingPage />
      </InterfaceContext>
    </StrictMode>,
  );
}

const page = document.getElementById("page");
if (page !== null) void begin(page);
