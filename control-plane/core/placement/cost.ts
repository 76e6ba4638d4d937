/**
 * How good a way to place a replica is, as one number; less is better. Its parts, the first counting most, each bounded so
 * that the whole is an exact integer below 2^53: replicas of the service on the node (16 bits), the image absent (1),
 * devices newly opened (6) and their memory in GiB (12), memory free on the shared devices that are chosen in GiB (10),
 * devices of the node that stay free, where it opens one or needs none (8).
 */
export function costOf(siblings: number, imageAbsent: boolean, packing: number): number {
  return (Math.min(siblings, 0xffff) * 2 + (imageAbsent ? 1 : 0)) * PACKINGS + packing;
}

/** The last four parts. */
export function packingOf(opened: number, openedGib: number, roomGib: number, freeDevices: number): number {
  const devices = Math.min(opened, 0x3f) * 2 ** 12 + Math.min(openedGib, 0xfff);
  return (devices * 2 ** 10 + Math.min(roomGib, 0x3ff)) * 2 ** 8 + Math.min(freeDevices, 0xff);
}

const PACKINGS = 2 ** 36;

/** Whole ones, as the cost counts them; unknown memory is none. */
export function gibOf(bytes: number | undefined): number {
  return Math.floor((bytes ?? 0) / 2 ** 30);
}
