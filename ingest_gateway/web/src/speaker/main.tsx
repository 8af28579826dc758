import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "../style.css";
import { SpeakerPage } from "./SpeakerPage";
import { prepare } from "./speaking";

const page = document.getElementById("page");
if (page !== null) {
  createRoot(page).render(
    <StrictMode>
      <SpeakerPage />
    </StrictMode>,
  );
  void prepare();
}
