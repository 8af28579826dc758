import { useSpeaker } from "./in_page";
import { useText, type MessageId } from "../shared/i18n";
import { nativeName } from "../shared/language_table";
import { connectionInWords } from "./connection_in_words";
import type { Way } from "./talk_protocol";

/** Who listens, how late it is for them, and whether what is said gets through. */
export function TalkStatus() {
  const text = useText();
  const listeners = useSpeaker((state) => state.listeners);
  const lagMs = useSpeaker((state) => state.lagMs);
  const cannotHear = useSpeaker((state) => state.cannotHear);
  const way = useSpeaker((state) => wayInWords(state.way, state.goesBy));
  const notice = useSpeaker((state) => state.notice);
  const report = useSpeaker((state) => state);
  const connection = connectionInWords(report);
  const languages = Object.keys(listeners).sort();
  const all = Object.values(listeners).reduce((sum, count) => sum + count, 0);
  return (
    <section className="card" aria-labelledby="listeners">
      <h2 id="listeners">{text.text("listeners.count", { count: all })}</h2>
      {cannotHear > 0 && (
        <p className="problem" role="alert">
          {text.text("listeners.cannotHear", { count: cannotHear })}
        </p>
      )}
      {languages.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{text.text("listeners.language")}</th>
              <th scope="col">{text.text("listeners.listeners")}</th>
              <th scope="col">{text.text("listeners.after")}</th>
            </tr>
          </thead>
          <tbody>
            {languages.map((code) => (
              <tr key={code}>
                <th scope="row" lang={code}>
                  {nativeName(code)}
                </th>
                <td>{listeners[code]}</td>
                <td>{lagMs[code] === undefined ? "–" : text.seconds(lagMs[code] / 1000, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className={connection.good ? "quiet" : "problem"} role="status">
        {text.words(connection.words)}
      </p>
      {way !== null && <p className="quiet">{text.text(way)}</p>}
      {notice !== null && <p className="quiet">{notice}</p>}
    </section>
  );
}

/** Only who has chosen WebRTC wants to know. */
function wayInWords(chosen: Way, goesBy: Way | null): MessageId | null {
  if (chosen === "websocket" || goesBy === null) return null;
  if (goesBy === "webrtc") return "connection.webrtc";
  return "connection.websocket";
}
