import { useSession } from "./in_page";
import { MicrophoneQuality, type MicrophoneFault } from "../audio/microphone_quality";
import { useText, type MessageId } from "../shared/i18n";
import { useEffect, useRef, useState } from "react";

const QUIETEST_DB = -60;
const FALL_PER_FRAME = 0.02;

const IN_WORDS: Readonly<Record<MicrophoneFault, MessageId>> = {
  silent: "microphone.silent",
  quiet: "microphone.quiet",
  clipping: "microphone.clipping",
  noise: "microphone.noise",
};

/** How loud the microphone is, on a scale as ears have it; it tells what is wrong with its sound. */
export function LevelMeter() {
  const session = useSession();
  const text = useText();
  const bar = useRef<HTMLDivElement>(null);
  const [fault, setFault] = useState<MicrophoneFault | null>(null);
  useEffect(() => {
    const quality = new MicrophoneQuality();
    let shown = 0;
    let frame = requestAnimationFrame(function draw(nowMs) {
      const loudest = session.level();
      shown = Math.max(meterPosition(loudest), shown - FALL_PER_FRAME);
      bar.current?.style.setProperty("--level", String(shown));
      bar.current?.setAttribute("aria-valuenow", String(Math.round(shown * 100)));
      setFault(quality.heard(loudest, nowMs));
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
      <p className="quiet" role="status">
        {fault !== null && text.text(IN_WORDS[fault])}
      </p>
    </>
  );
}

/** A peak in [0, 1] as part of the scale, in decibels. */
export function meterPosition(peak: number): number {
  const decibels = peak > 0 ? 20 * Math.log10(peak) : QUIETEST_DB;
  return Math.max(0, Math.min(1, 1 - decibels / QUIETEST_DB));
}
