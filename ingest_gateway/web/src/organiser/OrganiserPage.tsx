import { useState } from "react";
import { useText } from "../shared/i18n";
import { InterfaceChoice } from "../shared/InterfaceChoice";
import { EraseButton } from "./EraseButton";
import { useOrganiser, useSession } from "./in_page";
import { NewRoom } from "./NewRoom";
import { Room } from "./Room";

export function OrganiserPage() {
  const text = useText();
  const account = useOrganiser((state) => state.account);
  const plan = useOrganiser((state) => state.plan);
  const problem = useOrganiser((state) => state.problem);
  const done = useOrganiser((state) => state.done);
  return (
    <>
      <header>
        <h1>{text.text("organise.heading")}</h1>
      </header>
      <main className="organiser">
        {problem !== null && (
          <p className="problem" role="alert">
            {text.words(problem)}
          </p>
        )}
        {done !== null && <p role="status">{text.words(done)}</p>}
        {account === "out" && <Entry />}
        {account === "in" && (plan === null ? <Events /> : <Plan />)}
        <InterfaceChoice />
      </main>
    </>
  );
}

function Entry() {
  const text = useText();
  const session = useSession();
  const hasPool = useOrganiser((state) => state.hasPool);
  const [token, setToken] = useState("");
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault();
        void session.enter(token.trim());
      }}
    >
      {!hasPool && (
        <label>
          {text.text("organise.token")}
          <input
            type="password"
            autoComplete="off"
            required
            value={token}
            onChange={(event) => {
              setToken(event.target.value);
            }}
          />
        </label>
      )}
      <button className="primary">
        {text.text(hasPool ? "organise.signIn" : "organise.enter")}
      </button>
    </form>
  );
}

function Events() {
  const text = useText();
  const session = useSession();
  const events = useOrganiser((state) => state.events);
  const [title, setTitle] = useState("");
  return (
    <section className="card" aria-labelledby="events">
      <h2 id="events">{text.text("organise.events")}</h2>
      {events.length === 0 && <p className="quiet">{text.text("organise.noEvents")}</p>}
      <ul className="talks">
        {events.map((event) => (
          <li key={event.eventId}>
            <button className="plain" onClick={() => void session.open(event.eventId)}>
              <span className="name" dir="auto">
                {event.title}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void session.createEvent(title);
        }}
      >
        <label>
          {text.text("organise.newEvent")}
          <input
            value={title}
            required
            maxLength={500}
            dir="auto"
            onChange={(event) => {
              setTitle(event.target.value);
            }}
          />
        </label>
        <button className="primary">{text.text("organise.create")}</button>
      </form>
    </section>
  );
}

function Plan() {
  const text = useText();
  const session = useSession();
  const plan = useOrganiser((state) => state.plan);
  if (plan === null) return null;
  return (
    <>
      <div className="buttons">
        <button
          onClick={() => {
            session.close();
          }}
        >
          {text.text("organise.back")}
        </button>
      </div>
      <h2 className="name" dir="auto">
        {plan.title}
      </h2>
      {plan.rooms.map((room) => (
        <Room key={room.roomId} room={room} />
      ))}
      <NewRoom />
      <div className="buttons">
        <EraseButton path={`/events/${plan.eventId}`} label="organise.deleteEvent" />
      </div>
    </>
  );
}
