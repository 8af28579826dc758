import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { beginSignIn, finishSignIn, signedInToken, signOut } from "./sign_in";

const AT = { url: "https://pool.example", clientId: "pages" };
const HOUR_MS = 3_600_000;
let wentTo: URL;
let here: { origin: string; pathname: string; search: string; assign(to: string): void };
let asked: URLSearchParams[];
let answer: { ok: boolean; body: object };

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000_000 });
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, text: string) => kept.set(name, text),
    removeItem: (name: string) => kept.delete(name),
  });
  here = {
    origin: "https://talks.example",
    pathname: "/",
    search: "",
    assign: (to) => {
      wentTo = new URL(to);
    },
  };
  vi.stubGlobal("location", here);
  vi.stubGlobal("window", { isSecureContext: true });
  vi.stubGlobal("history", {
    replaceState: () => {
      here.search = "";
    },
  });
  asked = [];
  answer = { ok: true, body: { access_token: "one", refresh_token: "again", expires_in: 3600 } };
  vi.stubGlobal("fetch", (url: string, { body }: { body: URLSearchParams }) => {
    expect(url).toBe("https://pool.example/oauth2/token");
    asked.push(body);
    return Promise.resolve({ ok: answer.ok, json: () => Promise.resolve(answer.body) });
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function signIn(): Promise<void> {
  await beginSignIn(AT);
  here.search = `?code=c-1&state=${wentTo.searchParams.get("state") ?? ""}`;
  await finishSignIn(AT);
}

it("proves at the end that it is who began", async () => {
  await signIn();
  expect(wentTo.origin + wentTo.pathname).toBe("https://pool.example/oauth2/authorize");
  const begun = Object.fromEntries(wentTo.searchParams);
  expect(begun).toMatchObject({
    response_type: "code",
    client_id: "pages",
    redirect_uri: "https://talks.example/",
    code_challenge_method: "S256",
  });
  const ended = Object.fromEntries(asked[0] ?? []);
  expect(ended).toMatchObject({
    grant_type: "authorization_code",
    client_id: "pages",
    code: "c-1",
    redirect_uri: "https://talks.example/",
  });
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(ended.code_verifier),
  );
  const challenge = (begun.code_challenge ?? "").replaceAll("-", "+").replaceAll("_", "/");
  expect(atob(challenge)).toBe(String.fromCharCode(...new Uint8Array(digest)));
  expect([await signedInToken(AT), here.search]).toEqual(["one", ""]);
});

it("begins each time with other secrets", async () => {
  await beginSignIn(AT);
  const first = wentTo.searchParams;
  await beginSignIn(AT);
  for (const name of ["state", "code_challenge"]) {
    expect(wentTo.searchParams.get(name)).not.toBe(first.get(name));
    expect(first.get(name)).toMatch(/^[\w-]{43}$/);
  }
});

it("takes no code that was not asked for here", async () => {
  await beginSignIn(AT);
  here.search = "?code=somebody-elses&state=guessed";
  await expect(finishSignIn(AT)).rejects.toThrow(/not begun in this tab/);
  here.search = `?code=late&state=${wentTo.searchParams.get("state") ?? ""}`;
  await expect(finishSignIn(AT)).rejects.toThrow(/not begun in this tab/); // once only
  expect([asked, here.search, await signedInToken(AT)]).toEqual([[], "", null]);
});

it("says why the pool refused", async () => {
  here.search = "?error=access_denied&error_description=No+such+user&state=x";
  await expect(finishSignIn(AT)).rejects.toThrow("Signing in was refused: No such user.");
  await beginSignIn(AT);
  here.search = `?code=used&state=${wentTo.searchParams.get("state") ?? ""}`;
  answer = { ok: false, body: { error: "invalid_grant" } };
  await expect(finishSignIn(AT)).rejects.toThrow(/gave no token/);
});

it("leaves an address alone that says nothing of it", async () => {
  here.search = "?x=1";
  await finishSignIn(AT);
  expect([asked, here.search]).toEqual([[], "?x=1"]);
});

it("has a token renewed before it ends, and says when it cannot be", async () => {
  await signIn();
  const beganMs = Date.now();
  answer.body = { access_token: "two", expires_in: 3600 };
  expect(await signedInToken(AT, beganMs + HOUR_MS - 300_001)).toBe("one");
  vi.setSystemTime(beganMs + HOUR_MS - 300_000);
  expect(await signedInToken(AT)).toBe("two");
  expect(Object.fromEntries(asked[1] ?? [])).toEqual({
    grant_type: "refresh_token",
    refresh_token: "again",
    client_id: "pages",
  });
  answer.ok = false; // the account was closed
  expect(await signedInToken(AT, Date.now() + HOUR_MS - 1)).toBe("two");
  expect(await signedInToken(AT, Date.now() + HOUR_MS)).toBeNull();
});

it("signs out here and there", async () => {
  await signIn();
  signOut(AT);
  expect(wentTo.href).toBe(
    "https://pool.example/logout?client_id=pages&logout_uri=https%3A%2F%2Ftalks.example%2F",
  );
  expect(await signedInToken(AT)).toBeNull();
});

it("is not begun on a page that is not secure", async () => {
  vi.stubGlobal("window", { isSecureContext: false });
  await expect(beginSignIn(AT)).rejects.toThrow(/over https/);
});
