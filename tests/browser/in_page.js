// Runs before each page's own scripts: what went out, and what comes out of the loudspeaker.

// Audio frames as sent: samples in hex, by sequence.
window.sentFrames = {};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (data instanceof Uint8Array && data[0] === 0xa1) {
    const sequence = Number(new DataView(data.buffer, data.byteOffset).getBigUint64(4));
    const hex = Array.from(data.subarray(24), (byte) => byte.toString(16).padStart(2, "0"));
    window.sentFrames[sequence] = hex.join("");
  }
  return send.call(this, data);
};

// Tones that were heard, one after the other, in hundreds of hertz; 0 is silence.
window.heard = [];
const connect = AudioNode.prototype.connect;
const hear = (node) => {
  const { context } = node;
  const analyser = context.createAnalyser();
  analyser.fftSize = 2048;
  analyser.smoothingTimeConstant = 0;
  connect.call(node, analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  setInterval(() => {
    analyser.getFloatFrequencyData(bins);
    let loudest = 0;
    bins.forEach((level, bin) => { if (level > bins[loudest]) loudest = bin; });
    const hz = (loudest * context.sampleRate) / analyser.fftSize;
    const tone = bins[loudest] > -40 ? Math.round(hz / 100) : 0;
    if (window.heard.at(-1) !== tone) window.heard.push(tone);
  }, 25);
};
AudioNode.prototype.connect = function (target, ...more) {
  const result = connect.call(this, target, ...more);
  if (target instanceof AudioDestinationNode) hear(this);
  return result;
};
// A track is played by an element, past every AudioNode.
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = async function () {
  await play.call(this);
  window.player = this;
  if (this.srcObject) hear(new AudioContext().createMediaStreamSource(this.srcObject));
};

// The microphone that the page opened last; on a page that is not secure there is none.
if (window.isSecureContext) {
  const getUserMedia = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = async function (...wishes) {
    window.microphone = await getUserMedia.apply(this, wishes);
    return window.microphone;
  };
}
