import { useListener } from "./in_page";
/** The talk so far, from the gateway: also what was said before this listener came. */
export function Downloads() {
  const sessionId = useListener((state) => state.sessionId) ?? "";
  const language = useListener((state) => state.language) ?? "";
  const name = `${sessionId}-${language}`;
  const of = `${encodeURIComponent(sessionId)}/${encodeURIComponent(language)}`;
  return (
    <nav className="downloads" aria-label="Downloads">
      <span>Save:</span>
      <a href={`/transcripts/${of}.txt`} download={`${name}.txt`}>
        Text
      </a>
      <a href={`/transcripts/${of}.vtt`} download={`${name}.vtt`}>
        Captions (VTT)
      </a>
      <a href={`/audio/${of}`} download={`${name}.mp3`}>
        Sound (MP3)
      </a>
    </nav>
  );
}
