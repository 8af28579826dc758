import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "../style.css";
import "./operator.css";
import { OperatorPage } from "./OperatorPage";
import { beginWatching } from "./watching";

const page = document.getElementById("page");
if (page !== null) {
  createRoot(page).render(
    <StrictMode>
      <OperatorPage />
    </StrictMode>,
  );
  beginWatching();
}
