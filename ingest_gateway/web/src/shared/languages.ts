/** A language as its own speakers call it; its code where the browser does not know. */
export function nativeName(code: string): string {
  try {
    const name = new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
    return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
  } catch {
    return code;
  }
}

/** Which of these a person most likely wants: the one chosen last, else one the browser is set to. */
export function likeliest(
  offered: readonly string[],
  last: string | null,
  preferred: readonly string[],
): string | null {
  if (last !== null && offered.includes(last)) return last;
  const base = (code: string) => code.split("-")[0];
  for (const wish of preferred) {
    const exact = offered.find((code) => code === wish);
    const near = offered.find((code) => base(code) === base(wish));
    if (exact !== undefined || near !== undefined) return exact ?? near ?? null;
  }
  return null;
}
