import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "../style.css";
import { followPage, OperatorContext } from "./in_page";
import "./operator.css";
import { OperatorPage } from "./OperatorPage";
import { browserNeeds, OperationsWatch } from "./operations_watch";

const page = document.getElementById("page");
if (page !== null) {
  const watch = new OperationsWatch(browserNeeds());
  createRoot(page).render(
    <StrictMode>
      <OperatorContext value={watch}>
        <OperatorPage />
      </OperatorContext>
    </StrictMode>,
  );
  followPage(watch);
}
