import { useText } from "../shared/i18n";
import { useOrganiser, useSession } from "./in_page";

const KEEP_DAYS = [1, 0, 7, 30];

/** What a person typed into a form, by field. */
export function typedInto(form: HTMLFormElement): (name: string) => string {
  const fields = new FormData(form);
  return (name) => {
    const value = fields.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
}

export function NewRoom() {
  const text = useText();
  const session = useSession();
  const count = useOrganiser((state) => state.plan?.rooms.length ?? 0);
  return (
    <details className="card" open={count === 0}>
      <summary>{text.text("organise.newRoom")}</summary>
      <form
        key={count}
        onSubmit={(event) => {
          event.preventDefault();
          const typed = typedInto(event.currentTarget);
          const cap = typed("cap");
          void session.createRoom({
            name: typed("name"),
            languages: typed("languages")
              .split(/[\s,]+/)
              .filter(Boolean),
            accessCode: typed("code") || null,
            mostListeners: cap === "" ? null : Number(cap),
            retentionDays: Number(typed("retention")),
          });
        }}
      >
        <label>
          {text.text("organise.roomName")}
          <input name="name" required maxLength={200} dir="auto" />
        </label>
        <label>
          {text.text("organise.languages")}
          <input name="languages" dir="ltr" autoCapitalize="none" spellCheck={false} />
          <small className="quiet">{text.text("organise.languagesHint")}</small>
        </label>
        <label>
          {text.text("organise.code")}
          <input name="code" minLength={4} maxLength={32} dir="ltr" autoComplete="off" />
          <small className="quiet">{text.text("organise.codeHint")}</small>
        </label>
        <label>
          {text.text("organise.cap")}
          <input name="cap" type="number" min={1} max={100000} />
        </label>
        <label>
          {text.text("organise.retention")}
          <select name="retention">
            {KEEP_DAYS.map((days) => (
              <option key={days} value={days}>
                {days === 0
                  ? text.text("organise.keep0")
                  : text.text("organise.keepDays", { days })}
              </option>
            ))}
          </select>
        </label>
        <button className="primary">{text.text("organise.create")}</button>
      </form>
    </details>
  );
}
