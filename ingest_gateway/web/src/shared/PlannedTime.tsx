import { useEffect, useState } from "react";
import { useText } from "./i18n";

const LOOK_EVERY_MS = 10_000;

interface Props {
  readonly atMs: number;
  /** The clock that `atMs` is of, against this device's. */
  readonly clockAheadMs: number;
}

/** When something is planned, and how soon that is: a device's own clock may be wrong. */
export function PlannedTime({ atMs, clockAheadMs }: Props) {
  const text = useText();
  const [ownMs, setOwnMs] = useState(() => Date.now());
  useEffect(() => {
    const looking = setInterval(() => {
      setOwnMs(Date.now());
    }, LOOK_EVERY_MS);
    return () => {
      clearInterval(looking);
    };
  }, []);
  const nowMs = ownMs + clockAheadMs;
  const soon = text.until(atMs, nowMs);
  return (
    <>
      <time>{text.moment(atMs, nowMs)}</time>
      {soon !== null && <span className="quiet"> ({soon})</span>}
    </>
  );
}
