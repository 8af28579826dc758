import { useRef } from "react";
import { useText } from "../shared/i18n";
import { useSession } from "./in_page";
import type { SpeakerState } from "./store";

type Props = Pick<SpeakerState, "savedMs" | "erasure"> & { readonly name: string };

/** What is kept of the talk that is over; it can be deleted, once that is confirmed. */
export function Kept({ name, savedMs, erasure }: Props) {
  const text = useText();
  const session = useSession();
  const asking = useRef<HTMLDialogElement>(null);
  const seconds = Math.round(savedMs / 1000);
  return (
    <>
      <p role="status">
        {erasure === "done"
          ? text.text("erase.done", { name })
          : text.text("prepare.stored", { name, seconds })}
      </p>
      {(erasure === "possible" || erasure === "under way") && (
        <p>
          <button
            className="danger"
            disabled={erasure === "under way"}
            onClick={() => asking.current?.showModal()}
          >
            {text.text(erasure === "under way" ? "erase.working" : "erase.button")}
          </button>
        </p>
      )}
      <dialog ref={asking} aria-labelledby="erase-title">
        <form method="dialog">
          <h2 id="erase-title">{text.text("erase.title")}</h2>
          <p>{text.text("erase.text")}</p>
          <div className="controls">
            <button autoFocus>{text.text("erase.keep")}</button>
            <button className="danger" onClick={() => void session.ended.erase()}>
              {text.text("erase.erase")}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
