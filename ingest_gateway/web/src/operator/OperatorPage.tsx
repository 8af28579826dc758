import { useOperator, useWatch } from "./in_page";
import { useState } from "react";
import { DeadLetterList } from "./DeadLetterList";
import { Lag } from "./Lag";
import type { Operations } from "./operations";
import { Overview } from "./Overview";
import { Pictures } from "./Pictures";
import { Sessions } from "./Sessions";

export function OperatorPage() {
  const watch = useWatch();
  const token = useOperator((state) => state.token);
  const canSignIn = useOperator((state) => state.canSignIn);
  const operations = useOperator((state) => state.operations);
  const problem = useOperator((state) => state.problem);
  return (
    <>
      <header>
        <h1>Operations</h1>
        {operations !== null && <span className="session">{operations.gatewayId}</span>}
        {token !== null && (
          <button
            className="plain"
            onClick={() => {
              watch.stop();
            }}
          >
            Sign out
          </button>
        )}
      </header>
      <main className="operator">
        {problem !== null && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        {token === null && (canSignIn ? <SignInForm /> : <TokenForm />)}
        {token !== null && operations === null && <p className="quiet">Asking the gateway …</p>}
        {operations !== null && <Shown operations={operations} />}
      </main>
    </>
  );
}

function Shown({ operations }: { readonly operations: Operations }) {
  return (
    <>
      <Overview operations={operations} />
      <Pictures />
      <Sessions operations={operations} />
      <Lag operations={operations} />
      <DeadLetterList operations={operations} />
      <p className="quiet">
        {`As of ${new Date(operations.at).toLocaleTimeString()}, of this gateway. `}
        {operations.flinkUrl !== null && (
          <a href={operations.flinkUrl} target="_blank" rel="noreferrer">
            Flink's own pages
          </a>
        )}
      </p>
    </>
  );
}

function SignInForm() {
  const watch = useWatch();
  return (
    <section className="card">
      <p>This page is for operators.</p>
      <button className="primary" onClick={() => void watch.signIn()}>
        Sign in
      </button>
    </section>
  );
}

function TokenForm() {
  const watch = useWatch();
  const [token, setToken] = useState("");
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== "") watch.watchWith(token.trim());
      }}
    >
      <label>
        Operator's token
        <input
          type="password"
          autoComplete="off"
          value={token}
          onChange={(event) => {
            setToken(event.target.value);
          }}
        />
      </label>
      <button className="primary">Look</button>
      <p className="quiet">
        <code>make live</code> prints a link that has one.
      </p>
    </form>
  );
}
