import { useEffect, useState } from "react";
import { useText } from "../shared/i18n";
import { InterfaceChoice } from "../shared/InterfaceChoice";
import { isTrusted, readAuthority, secureLink, systemOf, type Authority } from "./authority";

const LOOK_AGAIN_MS = 2000;
const STEPS = {
  ios: ["trust.ios1", "trust.ios2", "trust.ios3"],
  android: ["trust.android1", "trust.android2", "trust.android3"],
} as const;

interface Props {
  readonly ask?: typeof readAuthority;
  readonly look?: typeof isTrusted;
}

/** How a phone comes to trust the authority of the machine that the talk runs on; then the talk. */
export function TrustPage({ ask = readAuthority, look = isTrusted }: Props) {
  const text = useText();
  const [authority, setAuthority] = useState<Authority | null>(null);
  useEffect(() => {
    void ask().then(setAuthority, () => undefined);
  }, [ask]);
  useEffect(() => {
    if (authority === null) return undefined;
    const goOn = () => {
      void look(authority).then((trusted) => {
        if (trusted) location.replace(secureLink(authority, location.pathname));
      });
    };
    goOn();
    const looking = setInterval(goOn, LOOK_AGAIN_MS);
    return () => {
      clearInterval(looking);
    };
  }, [authority, look]);
  const own = systemOf(navigator.userAgent);
  return (
    <>
      <header>
        <h1>{text.text("trust.title")}</h1>
      </header>
      <main>
        <p>{text.text("trust.why")}</p>
        <p>
          <a className="button primary" href={authority?.certificate ?? "#"} download>
            {text.text("trust.fetch")}
          </a>
        </p>
        <Steps system="android" isOpen={own !== "ios"} />
        <Steps system="ios" isOpen={own !== "android"} />
        {authority !== null && (
          <p>
            <a className="button" href={secureLink(authority, location.pathname)}>
              {text.text("trust.goOn")}
            </a>
          </p>
        )}
        <p className="quiet">{text.text("trust.safe")}</p>
        {authority !== null && (
          <p className="quiet">
            {text.text("trust.fingerprint")}{" "}
            <code className="fingerprint" dir="ltr">
              {authority.fingerprint}
            </code>
          </p>
        )}
        <InterfaceChoice />
      </main>
    </>
  );
}

function Steps({
  system,
  isOpen,
}: {
  readonly system: keyof typeof STEPS;
  readonly isOpen: boolean;
}) {
  const text = useText();
  return (
    <details className="card" open={isOpen}>
      <summary>{text.text(`trust.${system}`)}</summary>
      <ol>
        {STEPS[system].map((id) => (
          <li key={id}>{text.text(id)}</li>
        ))}
      </ol>
    </details>
  );
}
