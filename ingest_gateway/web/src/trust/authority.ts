// What the machine says of its authority, and whether this device trusts it.

export interface Authority {
  /** Where its certificate is, on this origin. */
  readonly certificate: string;
  /** SHA-256. */
  readonly fingerprint: string;
  readonly secureUrl: string;
}

export type System = "ios" | "android" | "other";

export async function readAuthority(): Promise<Authority> {
  const answer = await fetch("/authority");
  return (await answer.json()) as Authority;
}

/** A secure page of it can be fetched; what it says nobody need know. */
export async function isTrusted(authority: Authority): Promise<boolean> {
  try {
    await fetch(`${authority.secureUrl}/healthz`, { mode: "no-cors", cache: "no-store" });
    return true;
  } catch {
    return false;
  }
}

/** The same talk, by the secure way. */
export function secureLink(authority: Authority, path: string): string {
  return authority.secureUrl + (path === "/" ? "/listen" : path);
}

export function systemOf(userAgent: string): System {
  if (/iPhone|iPad|iPod/.test(userAgent)) return "ios";
  return userAgent.includes("Android") ? "android" : "other";
}
