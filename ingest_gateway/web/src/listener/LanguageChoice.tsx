import { useListener, useSession } from "./in_page";
import { nativeName } from "../shared/languages";

export function LanguageChoice() {
  const session = useSession();
  const language = useListener((state) => state.language) ?? "";
  const offered = useListener((state) => state.languages);
  const all = offered.includes(language) ? offered : [language, ...offered];
  return (
    <label className="inline">
      <span className="word">Language</span>
      <select
        value={language}
        onChange={(event) => {
          session.changeLanguage(event.target.value);
        }}
      >
        {all.map((code) => (
          <option key={code} value={code} lang={code}>
            {nativeName(code)}
          </option>
        ))}
      </select>
    </label>
  );
}
