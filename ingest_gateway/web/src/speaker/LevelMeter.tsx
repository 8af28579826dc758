import { useSession } from "./in_page";
import { useText } from "../shared/i18n";
import { useEffect, useRef } from "react";

const QUIETEST_DB = -60;
const FALL_PER_FRAME = 0.02;
const SILENT_FRAMES = 60 * 8;

/** How loud the microphone is, on a scale as ears have it; it tells when nothing comes at all. */
export function LevelMeter() {
  const session = useSession();
  const text = useText();
  const bar = useRef<HTMLDivElement>(null);
  const hint = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    let shown = 0;
    let silent = 0;
    let frame = requestAnimationFrame(function draw() {
      const loudest = session.level();
      shown = Math.max(meterPosition(loudest), shown - FALL_PER_FRAME);
      silent = loudest > 0.0005 ? 0 : silent + 1;
      bar.current?.style.setProperty("--level", String(shown));
      bar.current?.setAttribute("aria-valuenow", String(Math.round(shown * 100)));
      if (hint.current !== null) hint.current.hidden = silent < SILENT_FRAMES;
      frame = requestAnimationFrame(draw);
    });
    return () => {
      cancelAnimationFrame(frame);
    };
  }, [session]);
  return (
    <>
      <div
        ref={bar}
        className="meter"
        role="meter"
        aria-label={text.text("microphone.level")}
        aria-valuemin={0}
        aria-valuemax={100}
      />
      <p ref={hint} className="quiet" hidden>
        {text.text("microphone.silent")}
      </p>
    </>
  );
}

/** A peak in [0, 1] as part of the scale, in decibels. */
export function meterPosition(peak: number): number {
  const decibels = peak > 0 ? 20 * Math.log10(peak) : QUIETEST_DB;
  return Math.max(0, Math.min(1, 1 - decibels / QUIETEST_DB));
}
