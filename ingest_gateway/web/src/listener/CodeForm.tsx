import { useState } from "react";
import { useText } from "../shared/i18n";
import { giveCode } from "./access_code";
import { useVisit, useSession } from "./in_page";

/** The access code of a room or of a talk, where its link alone does not let in. */
export function CodeForm() {
  const text = useText();
  const visit = useVisit();
  const session = useSession();
  const [code, setCode] = useState("");
  return (
    <section className="card" aria-labelledby="code">
      <h2 id="code">{text.text(visit === null ? "join.code" : "room.code")}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (visit === null) giveCode(session, code.trim());
          else void visit.enter(session, code.trim());
        }}
      >
        <label>
          {text.text("room.codeLabel")}
          <input
            value={code}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            required
            onChange={(event) => {
              setCode(event.target.value);
            }}
          />
        </label>
        <button className="primary">{text.text("join.listen")}</button>
      </form>
    </section>
  );
}
