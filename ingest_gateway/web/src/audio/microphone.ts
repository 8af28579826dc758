import { CaptureClock } from "./capture_clock";
import workletUrl from "./capture.worklet?worker&url";

export const SAMPLE_RATE_HZ = 16_000;
const FLUSH_MS = 500;

export interface MicrophoneWishes {
  /** Empty: the one that the system prefers. */
  readonly deviceId: string;
  readonly chunkSamples: number;
  onChunk(samples: Int16Array, timestampMs: number): void;
  /** Unplugged, or taken away in the browser's settings. */
  onLost(): void;
}

export interface Microphone {
  readonly deviceId: string;
  /** For WebRTC, which takes it as it is. */
  readonly track: MediaStreamTrack;
  /** The loudest sample of the last moments, in [0, 1]. */
  level(): number;
  /** Hand over what is left of a chunk, then let go of the device. */
  stop(): Promise<void>;
}

/** Throws what `microphoneProblem` puts into words. */
export async function openMicrophone(wishes: MicrophoneWishes): Promise<Microphone> {
  if (!window.isSecureContext) throw new DOMException("insecure", "InsecureContextError");
  const wanted: MediaTrackConstraints = { channelCount: 1 };
  if (wishes.deviceId !== "") wanted.deviceId = { exact: wishes.deviceId };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  const release = () => {
    stream.getTracks().forEach((track) => {
      track.stop();
    });
  };
  try {
    const [track] = stream.getAudioTracks();
    if (track === undefined) throw new DOMException("no track", "NotFoundError");
    const { context, source } = capturing(stream);
    await context.audioWorklet.addModule(workletUrl);
    await context.resume();
    return attach(wishes, track, context, source, release);
  } catch (error) {
    release();
    throw error;
  }
}

function attach(
  wishes: MicrophoneWishes,
  track: MediaStreamTrack,
  context: AudioContext,
  source: MediaStreamAudioSourceNode,
  release: () => void,
): Microphone {
  const clock = new CaptureClock();
  const worklet = new AudioWorkletNode(context, "capture", {
    channelCount: 1,
    channelCountMode: "explicit",
    numberOfOutputs: 0,
    processorOptions: { chunkSamples: wishes.chunkSamples },
  });
  let stopped = false;
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
  track.onended = () => { if (!stopped) wishes.onLost(); };
  // A telephone call interrupts the context; when it is over, go on.
  context.onstatechange = () => { if (!stopped && context.state !== "running") void context.resume(); };
  return {
    deviceId: track.getSettings().deviceId ?? "",
    track,
    level: () => {
      meter.getFloatTimeDomainData(heard);
      return heard.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
    },
    stop: async () => {
      stopped = true;
      const done = new Promise<void>((resolve) => { flushed = resolve; });
      worklet.port.postMessage("flush");
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
      release();
      await context.close();
    },
  };
}

/** Most browsers resample a microphone themselves; where a context must run at the device's own
 * rate (Firefox), the worklet resamples. */
function capturing(stream: MediaStream): {
  context: AudioContext;
  source: MediaStreamAudioSourceNode;
} {
  const wanted = new AudioContext({ sampleRate: SAMPLE_RATE_HZ });
  try {
    return { context: wanted, source: wanted.createMediaStreamSource(stream) };
  } catch {
    void wanted.close();
    const context = new AudioContext();
    return { context, source: context.createMediaStreamSource(stream) };
  }
}

export async function listMicrophones(): Promise<readonly MediaDeviceInfo[]> {
  const media = navigator.mediaDevices as MediaDevices | undefined; // absent without https
  const devices = (await media?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === "audioinput" && device.deviceId !== "");
}
