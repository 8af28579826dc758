/** What the browser lets this page know of: those whose ids it tells. */
export async function listDevices(kind: MediaDeviceKind): Promise<readonly MediaDeviceInfo[]> {
  const media = navigator.mediaDevices as MediaDevices | undefined; // absent without https
  const devices = (await media?.enumerateDevices().catch(() => [])) ?? [];
  return devices.filter((device) => device.kind === kind && device.deviceId !== "");
}
