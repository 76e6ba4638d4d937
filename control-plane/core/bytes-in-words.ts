/** `24 GiB`, `1.5 GiB`, `512 MiB`; rounded down, so that what is said to be free really is. Negative counts as zero. */
export function bytesInWords(bytes: number): string {
  return inWords(Math.max(0, bytes), Math.floor);
}

/** The same rounded up, so that what is needed never reads as what is free. */
export function neededBytesInWords(bytes: number): string {
  return inWords(Math.max(0, bytes), Math.ceil);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const GIB = UNITS.indexOf('GiB');

/** Tenths from GiB on. Machines are sized in GiB, also those that have more than one TiB. */
function inWords(bytes: number, round: (figure: number) => number): string {
  let value = bytes;
  let unit = 0;
  while (unit < UNITS.length - 1 && value >= (unit === GIB ? 10_000 : 1_024)) {
    value /= 1_024;
    unit += 1;
  }
  const figure = unit < GIB ? round(value) : round(value * 10) / 10;
  return `${figure} ${UNITS[unit]}`;
}
