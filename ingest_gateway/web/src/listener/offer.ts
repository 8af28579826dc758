// Which languages a session can be heard in.

interface Session {
  readonly sourceLanguage: string;
  readonly targetLanguages: readonly string[];
  readonly status: string;
}

interface Offer {
  readonly languages: Readonly<Record<string, readonly string[]>>;
}

export type Found =
  | {
      readonly kind: "found";
      readonly sourceLanguage: string;
      readonly languages: readonly string[];
      readonly ended: boolean;
    }
  | { readonly kind: "none" }
  | { readonly kind: "unreachable" };

export async function findSession(sessionId: string, key: string | null): Promise<Found> {
  try {
    const [session, offer] = await Promise.all([
      fetch(`/sessions/${encodeURIComponent(sessionId)}`, {
        headers: key === null ? {} : { "x-listening-key": key },
      }),
      fetch("/offer"),
    ]);
    if (session.status === 404) return { kind: "none" };
    if (!session.ok || !offer.ok) return { kind: "unreachable" };
    return found((await session.json()) as Session, (await offer.json()) as Offer);
  } catch {
    return { kind: "unreachable" };
  }
}

/** `own` with the language that is spoken, where it can be read. */
export function withSpoken(
  own: readonly string[],
  spoken: string | undefined,
  all: readonly string[],
): readonly string[] {
  const isMissing = spoken !== undefined && all.includes(spoken) && !own.includes(spoken);
  return isMissing ? [...own, spoken] : own;
}

/** A session that names no languages is offered in all that there is a way to; what is said can be
 * read in any case. */
function found(session: Session, offer: Offer): Found {
  const all = offer.languages[session.sourceLanguage] ?? [];
  const own = session.targetLanguages;
  return {
    kind: "found",
    sourceLanguage: session.sourceLanguage,
    languages: own.length > 0 ? withSpoken(own, session.sourceLanguage, all) : all,
    ended: session.status === "ended",
  };
}
