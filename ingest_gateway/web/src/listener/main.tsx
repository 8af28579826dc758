import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "../style.css";
import { enterByAddress } from "./entrance";
import { ListenerPage } from "./ListenerPage";

const page = document.getElementById("page");
if (page !== null) {
  createRoot(page).render(
    <StrictMode>
      <ListenerPage />
    </StrictMode>,
  );
  enterByAddress();
}
