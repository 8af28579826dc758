import { useSpeaker } from "./in_page";
import { useText } from "../shared/i18n";
import { useState } from "react";
import { QrCode } from "../shared/QrCode";
import { isOfThisMachine } from "../shared/session_link";

/** How listeners come in: a code for phones, a link to send, a name to say aloud. */
export function Invitation() {
  const text = useText();
  const link = useSpeaker((state) => state.link) ?? "";
  const sessionId = useSpeaker((state) => state.sessionId);
  const trustUrl = useSpeaker((state) => state.trustUrl);
  const roomId = useSpeaker((state) => state.sheet?.roomId);
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(link).then(() => {
      setCopied(true);
    });
  };
  return (
    <section className="card invitation" aria-labelledby="invite">
      <h2 id="invite">{text.text("invite.title")}</h2>
      <p className="session">{roomId ?? sessionId}</p>
      {trustUrl !== null && (
        <details className="trust">
          <summary>{text.text("invite.trust")}</summary>
          <QrCode text={trustUrl} label={text.text("invite.trustQr")} />
        </details>
      )}
      {isOfThisMachine(link) ? (
        <p className="quiet">{text.text("invite.thisMachine")}</p>
      ) : (
        <QrCode text={link} label={text.text("invite.qr")} />
      )}
      <p>
        <a href={link} target="_blank" rel="noreferrer">
          {link}
        </a>
      </p>
      <button onClick={copy}>{text.text(copied ? "invite.copied" : "invite.copy")}</button>
    </section>
  );
}
