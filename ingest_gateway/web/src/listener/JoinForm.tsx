import { useSession } from "./in_page";
import { useState } from "react";
import { sessionTyped } from "../shared/session_link";

export function JoinForm() {
  const session = useSession();
  const [typed, setTyped] = useState("");
  const [isWrong, setIsWrong] = useState(false);
  return (
    <section className="card" aria-labelledby="join">
      <h2 id="join">Which talk?</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const sessionId = sessionTyped(typed);
          setIsWrong(sessionId === null);
          if (sessionId !== null) void session.enter(sessionId);
        }}
      >
        <label>
          Name of the talk, or its link
          <input
            value={typed}
            placeholder="joyful-mountain-789"
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
            A name looks like joyful-mountain-789. The speaker's page shows it.
          </p>
        )}
        <button className="primary">Listen</button>
      </form>
    </section>
  );
}
