import { useRef } from "react";
import { useText, type MessageId } from "../shared/i18n";
import { useSession } from "./in_page";

/** Deletes for good, once it is confirmed. */
export function EraseButton({ path, label }: { readonly path: string; readonly label: MessageId }) {
  const text = useText();
  const session = useSession();
  const asking = useRef<HTMLDialogElement>(null);
  return (
    <>
      <button className="danger" onClick={() => asking.current?.showModal()}>
        {text.text(label)}
      </button>
      <dialog ref={asking} aria-label={text.text("organise.confirm")}>
        <form method="dialog">
          <h2>{text.text("organise.confirm")}</h2>
          <p>{text.text("organise.confirmText")}</p>
          <div className="buttons">
            <button autoFocus>{text.text("organise.keep")}</button>
            <button className="danger" onClick={() => void session.erase(path)}>
              {text.text("organise.delete")}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
