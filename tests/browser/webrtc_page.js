// What a page does for WHIP and WHEP, without the page: one connection each, offers without trickle.
async function answered(peer, url, token) {
  await peer.setLocalDescription();
  await new Promise((done) => {
    if (peer.iceGatheringState === "complete") done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
  });
  const headers = { "content-type": "application/sdp" };
  if (token) headers.authorization = `Bearer ${token}`;
  const body = peer.localDescription.sdp;
  const answer = await fetch(url, { method: "POST", headers, body });
  const sdp = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.status}: ${sdp}`);
  await peer.setRemoteDescription({ type: "answer", sdp });
  await new Promise((done, failed) => {
    const look = () => {
      if (peer.connectionState === "connected") done();
      if (peer.connectionState === "failed") failed(new Error("not connected"));
    };
    peer.onconnectionstatechange = look;
    look();
  });
  return { location: answer.headers.get("location"), offer: body };
}

window.speakByWhip = async (url, token) => {
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const media = await navigator.mediaDevices.getUserMedia({ audio: plain });
  const peer = (window.peer = new RTCPeerConnection());
  peer.addTransceiver(media.getAudioTracks()[0], { direction: "sendonly" });
  window.told = [];
  window.channel = peer.createDataChannel("control");
  window.channel.onmessage = (event) => window.told.push(JSON.parse(event.data));
  return answered(peer, url, token);
};

// A picture beside the sound, in AV1 and nothing else, as OBS can be set to send.
window.speakByWhipWithAv1 = async (url, token) => {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true });
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 10, 10);
  const peer = (window.peer = new RTCPeerConnection());
  const picture = peer.addTransceiver(canvas.captureStream(5).getVideoTracks()[0], {
    direction: "sendonly",
  });
  const { codecs } = RTCRtpSender.getCapabilities("video");
  picture.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === "video/AV1"));
  peer.addTransceiver(media.getAudioTracks()[0], { direction: "sendonly" });
  return answered(peer, url, token);
};

window.listenByWhep = async (url) => {
  const peer = (window.peer = new RTCPeerConnection());
  peer.addTransceiver("audio", { direction: "recvonly" });
  const track = new Promise((came) => (peer.ontrack = (event) => came(event.track)));
  const how = await answered(peer, url);
  const media = new MediaStream([await track]);
  const player = (window.player = new Audio());
  player.srcObject = media;
  await player.play();
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(media).connect(analyser);
  const spectrum = new Uint8Array(analyser.frequencyBinCount);
  window.heard = [];
  setInterval(() => {
    analyser.getByteFrequencyData(spectrum);
    const strongest = spectrum.indexOf(Math.max(...spectrum));
    const loud = spectrum[strongest] > 128;
    window.heard.push(loud ? (strongest * context.sampleRate) / analyser.fftSize : 0);
  }, 50);
  return how;
};
