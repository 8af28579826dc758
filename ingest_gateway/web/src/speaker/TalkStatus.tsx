import { useSpeaker } from "./in_page";
import { nativeName } from "../shared/languages";
import { connectionInWords } from "./connection_in_words";
import type { Way } from "./talk_protocol";

/** Who listens, how late it is for them, and whether what is said gets through. */
export function TalkStatus() {
  const listeners = useSpeaker((state) => state.listeners);
  const lagMs = useSpeaker((state) => state.lagMs);
  const way = useSpeaker((state) => wayInWords(state.way, state.goesBy));
  const notice = useSpeaker((state) => state.notice);
  const isGood = useSpeaker((state) => connectionInWords(state).good);
  const connection = useSpeaker((state) => connectionInWords(state).text);
  const languages = Object.keys(listeners).sort();
  const all = Object.values(listeners).reduce((sum, count) => sum + count, 0);
  return (
    <section className="card" aria-labelledby="listeners">
      <h2 id="listeners">{all === 1 ? "1 listener" : `${String(all)} listeners`}</h2>
      {languages.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">Language</th>
              <th scope="col">Listeners</th>
              <th scope="col">Hear it after</th>
            </tr>
          </thead>
          <tbody>
            {languages.map((code) => (
              <tr key={code}>
                <th scope="row" lang={code}>
                  {nativeName(code)}
                </th>
                <td>{listeners[code]}</td>
                <td>{inSeconds(lagMs[code])}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className={isGood ? "quiet" : "problem"} role="status">
        {connection}
      </p>
      {way !== null && <p className="quiet">{way}</p>}
      {notice !== null && <p className="quiet">{notice}</p>}
    </section>
  );
}

/** Only who has chosen WebRTC wants to know. */
function wayInWords(chosen: Way, goesBy: Way | null): string | null {
  if (chosen === "websocket" || goesBy === null) return null;
  if (goesBy === "webrtc") return "Sound goes by WebRTC.";
  return "WebRTC does not get through here: sound goes by WebSocket.";
}

function inSeconds(ms: number | undefined): string {
  return ms === undefined ? "–" : `${(ms / 1000).toFixed(1)} s`;
}
