import { useSession } from "./in_page";
import { useText } from "../shared/i18n";
import { useState } from "react";
import { keyOf, sessionTyped } from "../shared/session_link";

const EXAMPLE = "joyful-mountain-789";

export function JoinForm() {
  const session = useSession();
  const text = useText();
  const [typed, setTyped] = useState("");
  const [isWrong, setIsWrong] = useState(false);
  return (
    <section className="card" aria-labelledby="join">
      <h2 id="join">{text.text("join.which")}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const sessionId = sessionTyped(typed);
          setIsWrong(sessionId === null);
          if (sessionId !== null) void session.enter(sessionId, keyOf(typed));
        }}
      >
        <label>
          {text.text("join.name")}
          <input
            value={typed}
            placeholder={EXAMPLE}
            dir="auto"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            required
            aria-invalid={isWrong}
            onChange={(event) => {
              setTyped(event.target.value);
            }}
          />
        </label>
        {isWrong && (
          <p className="problem" role="alert">
            {text.text("join.wrong", { example: EXAMPLE })}
          </p>
        )}
        <button className="primary">{text.text("join.listen")}</button>
      </form>
    </section>
  );
}
