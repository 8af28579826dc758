import { useText } from "../shared/i18n";
import { useListener } from "./in_page";

/** An address that is opened has no headers. */
function shownInAddress(key: string | null, accessCode: string | null): string {
  const shown = new URLSearchParams({
    ...(key === null ? {} : { key }),
    ...(accessCode === null ? {} : { code: accessCode }),
  });
  return shown.size === 0 ? "" : `?${shown.toString()}`;
}

/** The talk so far, from the gateway: also what was said before this listener came. */
export function Downloads() {
  const text = useText();
  const sessionId = useListener((state) => state.sessionId) ?? "";
  const language = useListener((state) => state.language) ?? "";
  const key = useListener((state) => state.key);
  const accessCode = useListener((state) => state.accessCode);
  const shown = shownInAddress(key, accessCode);
  const name = `${sessionId}-${language}`;
  const of = `${encodeURIComponent(sessionId)}/${encodeURIComponent(language)}`;
  return (
    <nav className="downloads" aria-label={text.text("settings.save")}>
      <span>{text.text("settings.save")}</span>
      <a href={`/transcripts/${of}.txt${shown}`} download={`${name}.txt`}>
        {text.text("save.text")}
      </a>
      <a href={`/transcripts/${of}.vtt${shown}`} download={`${name}.vtt`}>
        {text.text("save.captions")}
      </a>
      <a href={`/audio/${of}${shown}`} download={`${name}.mp3`}>
        {text.text("save.sound")}
      </a>
    </nav>
  );
}
