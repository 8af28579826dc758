import { useState } from "react";
import { useText, type MessageId } from "../shared/i18n";
import { nativeName } from "../shared/language_table";
import { PlannedTime } from "../shared/PlannedTime";
import { QrCode } from "../shared/QrCode";
import { EraseButton } from "./EraseButton";
import { useOrganiser, useSession } from "./in_page";
import { typedInto } from "./NewRoom";
import type { RoomView, TalkView } from "./organiser_api";

export function Room({ room }: { readonly room: RoomView }) {
  const text = useText();
  const session = useSession();
  const base = useOrganiser((state) => state.base);
  const [isPrinted, setIsPrinted] = useState(false);
  const link = base + room.link;
  const print = () => {
    setIsPrinted(true);
    setTimeout(() => {
      window.print();
      setIsPrinted(false);
    });
  };
  return (
    <section className="card room-card" aria-label={`${room.name} · ${room.roomId}`}>
      <div className={isPrinted ? "room-link printed" : "room-link"}>
        <QrCode text={link} label={text.text("organise.qr")} />
        <div>
          <h2>
            <bdi>{room.name}</bdi>
          </h2>
          <p className="session">{room.roomId}</p>
          {room.accessCode !== null && (
            <p>
              {text.text("organise.roomCode")}: <bdi>{room.accessCode}</bdi>
            </p>
          )}
          <p className="quiet">
            {text.text("organise.retention")}:{" "}
            {room.retentionDays === 0
              ? text.text("organise.keep0")
              : text.text("organise.keepDays", { days: room.retentionDays })}
          </p>
          {room.locked && <p className="locked">{text.text("organise.locked")}</p>}
          <div className="buttons">
            <CopyButton text={link} label="organise.copy" />
            <button onClick={print}>{text.text("organise.print")}</button>
            <button onClick={() => void session.lock(room.roomId, !room.locked)}>
              {text.text(room.locked ? "organise.unlock" : "organise.lock")}
            </button>
            <EraseButton path={`/rooms/${room.roomId}`} label="organise.deleteRoom" />
          </div>
        </div>
      </div>
      <h3>{text.text("organise.talks")}</h3>
      <ul className="talks">
        {room.talks.map((talk) => (
          <Talk key={talk.talkId} talk={talk} isOnStage={talk.talkId === room.onStage} />
        ))}
      </ul>
      <NewTalk roomId={room.roomId} count={room.talks.length} />
    </section>
  );
}

function Talk({ talk, isOnStage }: { readonly talk: TalkView; readonly isOnStage: boolean }) {
  const text = useText();
  const session = useSession();
  const base = useOrganiser((state) => state.base);
  const clockAheadMs = useOrganiser((state) => state.plan?.clockAheadMs ?? 0);
  return (
    <li>
      <p className="title">
        <bdi>{talk.title}</bdi>
      </p>
      <p className="quiet">
        {talk.speaker !== "" && (
          <>
            <bdi>{talk.speaker}</bdi>
            {" · "}
          </>
        )}
        <bdi lang={talk.language}>{nativeName(talk.language)}</bdi>
        {talk.plannedAt !== null && (
          <>
            {" · "}
            <PlannedTime atMs={talk.plannedAt} clockAheadMs={clockAheadMs} />
          </>
        )}
        {talk.endedAt !== null && <span> · {text.text("organise.over")}</span>}
        {isOnStage && <span className="on-stage"> · {text.text("organise.onStage")}</span>}
      </p>
      <div className="buttons">
        {talk.endedAt === null && (
          <CopyButton text={base + talk.link} label="organise.speakerLink" />
        )}
        {isOnStage && (
          <button onClick={() => void session.endTalk(talk.talkId)}>
            {text.text("organise.endTalk")}
          </button>
        )}
        <EraseButton path={`/talks/${talk.talkId}`} label="organise.deleteTalk" />
      </div>
    </li>
  );
}

function NewTalk({ roomId, count }: { readonly roomId: string; readonly count: number }) {
  const text = useText();
  const session = useSession();
  const sources = useOrganiser((state) => state.sources);
  return (
    <details open={count === 0}>
      <summary>{text.text("organise.newTalk")}</summary>
      <form
        key={count}
        onSubmit={(event) => {
          event.preventDefault();
          const typed = typedInto(event.currentTarget);
          const planned = typed("planned");
          void session.createTalk(roomId, {
            title: typed("title"),
            speaker: typed("speaker"),
            language: typed("language"),
            plannedAt: planned === "" ? null : new Date(planned).getTime(),
          });
        }}
      >
        <label>
          {text.text("organise.talkTitle")}
          <input name="title" required maxLength={500} dir="auto" />
        </label>
        <label>
          {text.text("organise.speaker")}
          <input name="speaker" maxLength={200} dir="auto" />
        </label>
        <label>
          {text.text("organise.spoken")}
          <select name="language">
            {sources.map((code) => (
              <option key={code} value={code} lang={code}>
                {nativeName(code)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {text.text("organise.planned")}
          <input name="planned" type="datetime-local" />
        </label>
        <button className="primary">{text.text("organise.create")}</button>
      </form>
    </details>
  );
}

function CopyButton({ text: copied, label }: { readonly text: string; readonly label: MessageId }) {
  const text = useText();
  const [isCopied, setIsCopied] = useState(false);
  return (
    <button
      data-link={copied}
      onClick={() => {
        void navigator.clipboard.writeText(copied).then(() => {
          setIsCopied(true);
        });
      }}
    >
      {text.text(isCopied ? "organise.copied" : label)}
    </button>
  );
}
