// The speaker's page as far as signaling goes, with Amazon's SDK: the master who answers viewers.

// What the SDK takes for credentials: it awaits getPromise before it signs.
class GatewayKeys {
  constructor(url, token) {
    this.asked = 0;
    this.url = url;
    this.token = token;
    this.expiration = 0;
  }

  async getPromise() {
    if (Date.now() + 5 * 60_000 < this.expiration) return;
    const headers = { authorization: `Bearer ${this.token}` };
    const answer = await fetch(this.url, { method: "POST", headers });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
    Object.assign(this, await answer.json());
    this.asked += 1;
  }
}

window.speakByKvs = async (url, token) => {
  const keys = (window.keys = new GatewayKeys(url, token));
  await keys.getPromise();
  const client = (window.client = new KVSWebRTC.SignalingClient({
    role: KVSWebRTC.Role[keys.role],
    channelARN: keys.channelArn,
    channelEndpoint: keys.channelEndpoint,
    region: keys.region,
    credentials: keys,
  }));
  window.told = [];
  window.failed = [];
  const peers = {};
  client.on("sdpOffer", async (offer, viewer) => {
    const peer = (peers[viewer] = window.peer = new RTCPeerConnection({ iceServers: keys.iceServers }));
    peer.onicecandidate = ({ candidate }) => candidate && client.sendIceCandidate(candidate, viewer);
    peer.ondatachannel = ({ channel }) => {
      window.channel = channel;
      channel.onmessage = ({ data }) => window.told.push(JSON.parse(data));
    };
    await peer.setRemoteDescription(offer);
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const media = await navigator.mediaDevices.getUserMedia({ audio: plain });
    peer.addTrack(media.getAudioTracks()[0], media);
    await peer.setLocalDescription(await peer.createAnswer());
    client.sendSdpAnswer(peer.localDescription, viewer);
  });
  client.on("iceCandidate", (candidate, viewer) => peers[viewer]?.addIceCandidate(candidate));
  client.on("error", (error) => window.failed.push(String(error)));
  await window.openSignaling();
};

window.openSignaling = () =>
  new Promise((opened) => {
    window.client.once("open", opened);
    window.client.open();
  });

window.closeSignaling = () =>
  new Promise((closed) => {
    window.client.once("close", closed);
    window.client.close();
  });
