import { CaptureClock } from "./capture_clock";
import workletUrl from "./capture.worklet?worker&url";

export const SAMPLE_RATE_HZ = 16_000;
const FLUSH_MS = 500;
/** A context that has not begun by then is held by the system. */
const BEGINS_MS = 1500;

export interface MicrophoneWishes {
  /** Empty: the one that the system prefers. */
  readonly deviceId: string;
  readonly chunkSamples: number;
  onChunk(samples: Int16Array, timestampMs: number): void;
  /** Unplugged, or taken away in the browser's settings. */
  onLost(): void;
  /** The system keeps the sound from this page (a telephone call, a locked phone, another app), or
   * gives it back. */
  onHeld(isHeld: boolean): void;
}

export interface Microphone {
  readonly deviceId: string;
  /** For WebRTC, which takes it as it is. */
  readonly track: MediaStreamTrack;
  /** The loudest sample of the last moments, in [0, 1]. */
  level(): number;
  /** The page is looked at or touched again: take the sound up, where that is allowed only now. */
  goOn(): void;
  /** Hand over what is left of a chunk, then let go of the device. Never fails; more calls than one
   * are as one. */
  stop(): Promise<void>;
}

interface Capture {
  readonly context: AudioContext;
  readonly source: MediaStreamAudioSourceNode;
}

/** Throws what `inWords` of the speaker says in words. */
export async function openMicrophone(wishes: MicrophoneWishes): Promise<Microphone> {
  if (!window.isSecureContext) throw new DOMException("insecure", "InsecureContextError");
  const wanted: MediaTrackConstraints = { channelCount: 1 };
  if (wishes.deviceId !== "") wanted.deviceId = { exact: wishes.deviceId };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  let capture: Capture | null = null;
  const release = async () => {
    stream.getTracks().forEach((track) => {
      track.stop();
    });
    // Closed already, when the browser did that by itself.
    await capture?.context.close().catch(() => undefined);
  };
  try {
    const [track] = stream.getAudioTracks();
    if (track === undefined) throw new DOMException("no track", "NotFoundError");
    capture = capturing(stream);
    await capture.context.audioWorklet.addModule(workletUrl).catch(() => {
      throw new DOMException("no worklet", "NetworkError"); // it comes from the gateway
    });
    const microphone = attach(wishes, track, capture, release);
    microphone.goOn();
    return microphone;
  } catch (error) {
    await release();
    throw error;
  }
}

function attach(
  wishes: MicrophoneWishes,
  track: MediaStreamTrack,
  { context, source }: Capture,
  release: () => Promise<void>,
): Microphone {
  const clock = new CaptureClock();
  const worklet = new AudioWorkletNode(context, "capture", {
    channelCount: 1,
    channelCountMode: "explicit",
    numberOfOutputs: 0,
    processorOptions: { chunkSamples: wishes.chunkSamples },
  });
  let stopping: Promise<void> | null = null;
  let flushed: () => void = () => undefined;
  worklet.port.onmessage = ({ data }: MessageEvent<Int16Array | null>) => {
    if (data === null) {
      flushed();
      return;
    }
    const durationMs = (data.length / SAMPLE_RATE_HZ) * 1000;
    wishes.onChunk(data, clock.firstSampleMs(Date.now(), durationMs));
  };
  const meter = context.createAnalyser();
  meter.fftSize = 1024;
  const heard = new Float32Array(meter.fftSize);
  source.connect(worklet);
  source.connect(meter);
  const goOn = () => {
    // Refused while the system holds the sound: asked again at the next sign of life.
    if (stopping === null && context.state !== "running") context.resume().catch(() => undefined);
  };
  let wasHeld = false;
  const look = () => {
    const isHeld = context.state !== "running" || track.muted;
    if (stopping !== null || isHeld === wasHeld) return;
    wasHeld = isHeld;
    wishes.onHeld(isHeld);
  };
  context.onstatechange = () => {
    look();
    goOn();
  };
  setTimeout(look, BEGINS_MS);
  track.onmute = look;
  track.onunmute = look;
  track.onended = () => {
    if (stopping === null) wishes.onLost();
  };
  const stop = async () => {
    const done = new Promise<void>((resolve) => {
      flushed = resolve;
    });
    worklet.port.postMessage("flush");
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
    await release();
  };
  return {
    deviceId: track.getSettings().deviceId ?? "",
    track,
    level: () => {
      if (context.state !== "running") return 0; // the analyser still has the last sound
      meter.getFloatTimeDomainData(heard);
      return heard.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
    },
    goOn,
    stop: () => (stopping ??= stop()),
  };
}

/** Most browsers resample a microphone themselves; where a context must run at the device's own
 * rate (Firefox), the worklet resamples. */
function capturing(stream: MediaStream): Capture {
  const wanted = new AudioContext({ sampleRate: SAMPLE_RATE_HZ });
  try {
    return { context: wanted, source: wanted.createMediaStreamSource(stream) };
  } catch {
    wanted.close().catch(() => undefined);
    const context = new AudioContext();
    return { context, source: context.createMediaStreamSource(stream) };
  }
}
