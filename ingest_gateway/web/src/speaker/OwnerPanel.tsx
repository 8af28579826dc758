import { useText, type MessageId } from "../shared/i18n";
import { nativeName } from "../shared/language_table";
import type { SessionRules } from "./account";
import { useSession, useSpeaker } from "./in_page";

const LEAST_CODE = 6;

/** Who may listen, and how much the talk may cost; asked for when it is opened. */
export function OwnerPanel() {
  const text = useText();
  const { owner } = useSession();
  const rules = useSpeaker((state) => state.rules);
  const ruled = useSpeaker((state) => state.ruled);
  return (
    <details
      className="card owner"
      onToggle={(event) => {
        if (event.currentTarget.open) void owner.look();
      }}
    >
      <summary>{text.text("owner.title")}</summary>
      {rules !== null && (
        <>
          <Switch
            label="owner.locked"
            isOn={rules.locked === true}
            onSwitch={(locked) => void owner.change({ locked })}
          />
          <Switch
            label="owner.byLink"
            isOn={rules.listening === "link"}
            onSwitch={(isOn) => void owner.change({ listening: isOn ? "link" : "id" })}
          />
          <Code rules={rules} />
          <Caps rules={rules} />
          <button onClick={() => void owner.change({ newListeningKey: true })}>
            {text.text("owner.newLink")}
          </button>
          <Present />
        </>
      )}
      <p role="status">{ruled !== null && text.words(ruled)}</p>
    </details>
  );
}

interface SwitchProps {
  readonly label: MessageId;
  readonly isOn: boolean;
  readonly onSwitch: (isOn: boolean) => void;
}

function Switch({ label, isOn, onSwitch }: SwitchProps) {
  const text = useText();
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={isOn}
        onChange={(event) => {
          onSwitch(event.target.checked);
        }}
      />
      {text.text(label)}
    </label>
  );
}

function Code({ rules }: { readonly rules: SessionRules }) {
  const text = useText();
  const { owner } = useSession();
  return (
    <form
      key={rules.accessCode}
      onSubmit={(event) => {
        event.preventDefault();
        const typed = new FormData(event.currentTarget).get("code");
        const accessCode = typeof typed === "string" ? typed.trim() : "";
        void owner.change({ accessCode: accessCode === "" ? null : accessCode });
      }}
    >
      <label>
        {text.text("owner.code")}
        <input
          name="code"
          defaultValue={rules.accessCode ?? ""}
          minLength={LEAST_CODE}
          maxLength={32}
          autoComplete="off"
          dir="auto"
        />
      </label>
      <button>{text.text("owner.set")}</button>
    </form>
  );
}

function Caps({ rules }: { readonly rules: SessionRules }) {
  const text = useText();
  const { owner } = useSession();
  return (
    <form
      key={`${String(rules.maxLanguages)} ${String(rules.maxMinutes)}`}
      onSubmit={(event) => {
        event.preventDefault();
        const fields = new FormData(event.currentTarget);
        const number = (name: string) => Number(fields.get(name)) || undefined;
        void owner.change({ maxLanguages: number("languages"), maxMinutes: number("minutes") });
      }}
    >
      <Cap label="owner.languages" name="languages" max={64} value={rules.maxLanguages} />
      <Cap label="owner.minutes" name="minutes" max={480} value={rules.maxMinutes} />
      <button>{text.text("owner.set")}</button>
    </form>
  );
}

interface CapProps {
  readonly label: MessageId;
  readonly name: string;
  readonly max: number;
  readonly value: number | null | undefined;
}

function Cap({ label, name, max, value }: CapProps) {
  const text = useText();
  return (
    <label>
      {text.text(label)}
      <input name={name} type="number" min={1} max={max} defaultValue={value ?? ""} />
    </label>
  );
}

function Present() {
  const text = useText();
  const { owner } = useSession();
  const present = useSpeaker((state) => state.present);
  return (
    <ul className="present">
      {present.map((one) => (
        <li key={one.listenerId}>
          <span lang={one.targetLanguage}>{nativeName(one.targetLanguage)}</span>{" "}
          <time>{text.moment(one.connectedAt)}</time>{" "}
          <button className="plain" onClick={() => void owner.remove(one.listenerId)}>
            {text.text("owner.remove")}
          </button>
        </li>
      ))}
    </ul>
  );
}
