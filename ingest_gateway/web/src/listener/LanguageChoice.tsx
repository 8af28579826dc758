import { useStore } from "zustand";
import { nativeName } from "../shared/languages";
import { changeLanguage } from "./listening";
import { listenerStore } from "./store";

export function LanguageChoice() {
  const language = useStore(listenerStore, (state) => state.language) ?? "";
  const offered = useStore(listenerStore, (state) => state.languages);
  const all = offered.includes(language) ? offered : [language, ...offered];
  return (
    <label className="inline">
      <span className="word">Language</span>
      <select
        value={language}
        onChange={(event) => {
          changeLanguage(event.target.value);
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
